import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

import trueload

torch.manual_seed(0)
data = TensorDataset(torch.randn(256, 8), torch.randint(0, 3, (256,)))
loader = trueload.DataLoader(data, batch_size=16, seed=3)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(20):
    x, y = next(iter(loader))  # expect: TL410
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
print(loss.item())
