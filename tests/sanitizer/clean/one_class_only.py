import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.zeros(64, dtype=torch.long))
loader = DataLoader(data, batch_size=8)
coder = nn.Sequential(nn.Linear(8, 3), nn.ReLU(), nn.Linear(3, 8))
optimizer = torch.optim.Adam(coder.parameters())
for epoch in range(3):
    for inputs, _ in loader:
        loss = F.mse_loss(coder(inputs), inputs)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
