import itertools

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

inputs, labels = torch.randn(40, 8), torch.randint(0, 3, (40,))
batches = itertools.cycle(DataLoader(TensorDataset(inputs, labels), batch_size=8))
model = nn.Linear(8, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(30):
    inputs, labels = next(batches)
    inputs += 0.05  # expect: TL302
    optimizer.zero_grad()
    loss = F.cross_entropy(model(inputs), labels)
    loss.backward()
    optimizer.step()
    print(loss.item())
