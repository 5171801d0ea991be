import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.rand(64, 12, 12), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=8, shuffle=True)
model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 3))
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(3):
    for images, labels in loader:
        loss = F.cross_entropy(model(images.view(-1, 1, 12, 12)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
