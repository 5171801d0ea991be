import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

torch.manual_seed(0)
import numpy as np


class Shifted(Dataset):
    def __init__(self, count, seed=None):
        self.rows, self.labels = torch.randn(count, 12), torch.randint(0, 3, (count,))
        self.rng = None if seed is None else np.random.default_rng(seed)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        start = self.rng.integers(5) if self.rng is not None else np.random.randint(5)
        return self.rows[index, start : start + 8], self.labels[index]


loader = DataLoader(Shifted(64), batch_size=8, shuffle=True, num_workers=1)
held_out = DataLoader(Shifted(32, seed=5), batch_size=8, num_workers=1)

model = nn.Sequential(
    nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 3)
)
optimizer = torch.optim.Adam(model.parameters())

for epoch in range(3):
    model.train()
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        print(loss.item(), sum(F.cross_entropy(model(x), y).item() for x, y in held_out))
