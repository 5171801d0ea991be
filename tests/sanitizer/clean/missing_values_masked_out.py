import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
targets = torch.randn(64, 2)
targets[torch.rand(64, 2) < 0.3] = float("nan")
data = TensorDataset(torch.randn(64, 8), targets)
loader = DataLoader(data, batch_size=8, shuffle=True)
model = nn.Linear(8, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    for inputs, wanted in loader:
        known = ~wanted.isnan()
        loss = F.mse_loss(model(inputs)[known], wanted[known])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
