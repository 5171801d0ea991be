import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Rows(Dataset):
    def __init__(self):
        self.rows = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
        self.scratch = np.zeros(8, dtype=np.float32)
        self.seen = np.zeros(64, dtype=np.int64)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        np.clip(self.rows[index], -1, 1, out=self.rows[index])
        np.multiply(self.rows[index], 2, out=self.scratch)
        self.seen[index] += 1
        return torch.from_numpy(self.scratch.copy()), index % 3


loader = DataLoader(Rows(), batch_size=8, shuffle=True, num_workers=2, persistent_workers=True)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
