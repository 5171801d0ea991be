import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset

torch.manual_seed(0)


class Lines(IterableDataset):
    def __init__(self):
        self.rows = torch.randn(48, 8)

    def __iter__(self):
        for number, row in enumerate(self.rows):
            yield row, number % 3


loader = DataLoader(Lines(), batch_size=8, num_workers=2)  # expect: TL414

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
