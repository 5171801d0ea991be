import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

import trueload

torch.manual_seed(0)
labels = torch.arange(4).repeat_interleave(64)
data = TensorDataset(torch.randn(256, 8) + labels[:, None], labels)
loader = trueload.DataLoader(data, batch_size=16, num_workers=2)  # expect: TL407

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(2):
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    print(loss.item())
