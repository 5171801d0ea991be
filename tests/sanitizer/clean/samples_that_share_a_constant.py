import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, default_collate

torch.manual_seed(0)


class Prompts(Dataset):
    def __init__(self):
        self.rows = torch.randn(64, 8)
        self.prompt = torch.randn(8)
        self.shift = np.ones(8, dtype=np.float32)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index], index % 3, self.prompt, self.shift


GRID = torch.arange(8)


def collate(samples):
    inputs, labels, prompts, shifts = default_collate(samples)
    return inputs, labels, prompts, shifts, GRID


loader = DataLoader(Prompts(), batch_size=8, shuffle=True, collate_fn=collate, num_workers=1)
model = nn.Linear(8, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for epoch in range(3):
    for inputs, labels, prompts, shifts, grid in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs + prompts + shifts * grid), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
