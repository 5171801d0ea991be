import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

import trueload

torch.manual_seed(0)
data = TensorDataset(torch.randn(80, 8), torch.randint(0, 3, (80,)))
for workers in (0, 2):
    loader = trueload.DataLoader(data, batch_size=16, shuffle=True, seed=1, num_workers=workers)
    model = nn.Linear(8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step, (x, y) in enumerate(loader.endless(steps=23)):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    print(loss.item())
