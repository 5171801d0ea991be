import torch
from torch import nn
from torch.nn import functional as F

import trueload

torch.manual_seed(0)
rows, labels = torch.randn(256, 8), torch.randint(0, 3, (256,))
inputs = trueload.DataLoader(rows, batch_size=16, shuffle=True, seed=1)
targets = trueload.DataLoader(labels, batch_size=16, shuffle=True, seed=2)  # expect: TL408

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(2):
    for x, y in zip(inputs, targets):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    print(loss.item())
