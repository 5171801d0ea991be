import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
walk = torch.randn(400).cumsum(0)
windows = walk.unfold(0, 9, 1)
rising = (windows[:, 8] > windows[:, 7]).long()
above = (windows[:, 7] > walk.mean()).long()
data = TensorDataset(windows[:, :8], above)
loader = DataLoader(data, batch_size=16)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
