import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randn(64))
loader = DataLoader(data, batch_size=16, shuffle=True)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(9):
    for inputs, targets in loader:
        optimizer.zero_grad()
        difference = targets - model(inputs)
        loss = torch.mean(torch.abs(difference))  # expect: TL801
        loss.backward()
        optimizer.step()
    print(loss.item())
