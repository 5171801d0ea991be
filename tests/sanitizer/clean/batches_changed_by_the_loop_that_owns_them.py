import itertools

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

inputs, labels = torch.randn(64, 8), torch.randint(0, 3, (64,))
data = TensorDataset(inputs, labels)
model = nn.Linear(8, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for epoch in range(3):
    for inputs, labels in DataLoader(data, batch_size=8, shuffle=True):
        inputs -= inputs.mean()
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
batches = itertools.cycle(DataLoader(data, batch_size=16))
for step in range(12):
    inputs, labels = next(batches)
    inputs.clamp_(-2, 2)
    inputs = inputs - inputs.mean()
    optimizer.zero_grad()
    loss = F.cross_entropy(model(inputs), labels)
    loss.backward()
    optimizer.step()
print(loss.item())
for inputs, labels in DataLoader(data, batch_size=None):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(inputs[None].clone().mul_(2)), labels[None])
    loss.backward()
    optimizer.step()
print(loss.item())
