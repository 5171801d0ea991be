import time

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Slow(Dataset):
    def __init__(self):
        self.rows = torch.randn(64, 8)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        time.sleep(0.01)
        return self.rows[index], index % 3


loader = DataLoader(Slow(), batch_size=4, shuffle=True)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for epoch in range(5):
    for inputs, labels in loader:  # expect: TL650
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
