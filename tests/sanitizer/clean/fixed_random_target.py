import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

target, predictor = nn.Linear(8, 16), nn.Linear(8, 16)
optimizer = torch.optim.Adam(predictor.parameters())
for epoch in range(4):
    for inputs, _ in loader:
        loss = (predictor(inputs) - target(inputs)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
