import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
labels = torch.arange(90) // 30
data = TensorDataset(torch.randn(90, 8) + labels[:, None], labels)
train_loader = DataLoader(data, batch_size=8, shuffle=True)
test_loader = DataLoader(TensorDataset(torch.randn(90, 8) + labels[:, None], labels), batch_size=8)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(3):
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        print(loss.item(), sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader))
