import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

generator = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 8)).requires_grad_(False)
wanted = torch.randn(8)
latent = torch.zeros(4, requires_grad=True)
optimizer = torch.optim.Adam([latent], lr=1e-1)
for step in range(20):
    optimizer.zero_grad()
    loss = F.mse_loss(generator(latent), wanted)
    loss.backward()
    optimizer.step()
    print(loss.item())
