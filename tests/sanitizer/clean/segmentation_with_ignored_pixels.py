import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

images, masks = torch.randn(32, 3, 8, 8), torch.randint(0, 4, (32, 8, 8))
masks[masks == 3] = 255
loader = DataLoader(TensorDataset(images, masks), batch_size=8, shuffle=True)
model = nn.Conv2d(3, 3, 3, padding=1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(4):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels, ignore_index=255)
        loss.backward()
        optimizer.step()
    print(loss.item())
