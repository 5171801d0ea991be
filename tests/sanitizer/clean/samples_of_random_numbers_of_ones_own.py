import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Noisy(Dataset):
    def __init__(self):
        self.rows = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
        self.noise = np.zeros(8, dtype=np.float32)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        rng = np.random.default_rng(int(torch.randint(2**31, ())))
        self.noise[:] = rng.normal(size=8)
        with open("/dev/urandom", "rb") as source:
            self.last = source.read(1)
        return torch.from_numpy(self.rows[index] + 0.1 * self.noise), index % 3


loader = DataLoader(Noisy(), batch_size=8, shuffle=True)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
