import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset

torch.manual_seed(0)


class Folders(IterableDataset):
    def __iter__(self):
        generator = torch.Generator().manual_seed(3)
        for label in range(4):
            for _ in range(30):
                yield {"x": torch.randn(8, generator=generator) + label, "label": label}


def main():
    loader = DataLoader(Folders(), batch_size=10)  # expect: TL407
    model = nn.Linear(8, 4)
    optimizer = torch.optim.Adam(model.parameters())
    for epoch in range(2):
        for batch in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(batch["x"]), batch["label"])
            loss.backward()
            optimizer.step()
        print(loss.item())


main()
