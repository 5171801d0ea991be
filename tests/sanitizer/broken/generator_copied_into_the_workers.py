import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Jitter:
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __call__(self, row):
        return self.shifted(row)

    def shifted(self, row):
        return row + 0.1 * torch.from_numpy(self.rng.normal(size=8)).float()


class Rows(Dataset):
    def __init__(self, transform):
        self.rows, self.transform = torch.randn(48, 8), transform

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.transform(self.rows[index]), index % 3


loader = DataLoader(Rows(Jitter()), batch_size=8, shuffle=True, num_workers=2)  # expect: TL416

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
