import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
seen = 0
for epoch in range(6):
    for inputs, labels in loader:
        (F.cross_entropy(model(inputs), labels) / 3).backward()
        seen += 1
        if seen % 3 == 0:
            optimizer.step()
            for parameter in model.parameters():
                parameter.grad = None
    print(sum(p.sum().item() for p in model.parameters()))
