import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Turns(Dataset):
    def __init__(self):
        self.rows = torch.randn(64, 8)
        self.flip, self.reads = False, 0

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        self.reads += 1
        self.flip = not self.flip
        row = self.rows[index]
        return row.flip(0) if self.flip else row, index % 3


loader = DataLoader(Turns(), batch_size=8, shuffle=True, num_workers=1)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
