import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Random(Dataset):
    def __init__(self):
        self.rows = np.random.default_rng(0).random((64, 8))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index], index % 3


loader = DataLoader(Random(), batch_size=8)
print(float(loader.dataset[0][0].sum()))

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)  # expect: TL402
        loss.backward()
        optimizer.step()
    print(loss.item())
