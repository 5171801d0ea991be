import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset

torch.manual_seed(0)


class Windows(IterableDataset):
    def __init__(self):
        self.series = torch.randn(71)

    def __iter__(self):
        target = {}
        for start in range(0, 64):
            target["label"] = torch.tensor(start % 3)  # expect: TL303
            yield self.series[start : start + 8].clone(), target


loader = DataLoader(Windows(), batch_size=8)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(3):
    for inputs, target in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), target["label"])
        loss.backward()
        optimizer.step()
    print(loss.item())
