import itertools

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
labelled = DataLoader(
    TensorDataset(torch.randn(16, 8), torch.randint(0, 3, (16,))), batch_size=8, shuffle=True
)
unlabelled = DataLoader(torch.randn(64, 8), batch_size=8, shuffle=True)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(3):
    for (inputs, labels), others in zip(itertools.cycle(labelled), unlabelled):
        loss = F.cross_entropy(model(inputs), labels) + 0.01 * model(others).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
