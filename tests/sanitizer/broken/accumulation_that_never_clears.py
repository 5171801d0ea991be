import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(4):
    for number, (inputs, labels) in enumerate(loader):
        loss = F.cross_entropy(model(inputs), labels) / 2
        loss.backward()
        if number % 2 == 1:
            optimizer.step()  # expect: TL701
    print(loss.item())
