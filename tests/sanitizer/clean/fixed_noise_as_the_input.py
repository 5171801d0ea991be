import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
target = TensorDataset(torch.rand(8, 3, 8, 8))
loader = DataLoader(target, batch_size=2, shuffle=True)
noise = torch.rand(2, 3, 8, 8)
model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))
optimizer = torch.optim.Adam(model.parameters())
for step in range(6):
    for (images,) in loader:
        optimizer.zero_grad()
        loss = F.mse_loss(model(noise), images)
        loss.backward()
        optimizer.step()
    print(loss.item())
