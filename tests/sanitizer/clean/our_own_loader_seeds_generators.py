import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import Dataset

import trueload

torch.manual_seed(0)


class Jittered(Dataset):
    def __init__(self):
        self.rows, self.rng = torch.randn(48, 8), np.random.default_rng(0)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        noise = torch.from_numpy(self.rng.normal(size=8)).float()
        return self.rows[index] + 0.1 * noise, index % 3


loader = trueload.DataLoader(Jittered(), batch_size=8, shuffle=True, num_workers=2)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
