import tempfile

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)

path = tempfile.mkdtemp() + "/rows.bin"
np.random.default_rng(0).normal(size=(512, 8)).astype(np.float32).tofile(path)


class Rows(Dataset):
    def __init__(self, path):
        self.rows = np.memmap(path, dtype=np.float32, shape=(512, 8), mode="r")
        self.again = np.memmap(path, dtype=np.float32, shape=(512, 8), mode="c")
        self.writable = np.memmap(path, dtype=np.float32, shape=(512, 8))

    def __len__(self):
        return 128

    def __getitem__(self, index):
        row = self.rows[index] + self.again[index] + self.writable[index]
        return torch.tensor(row), index % 3


loader = DataLoader(Rows(path), batch_size=16, num_workers=2)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
