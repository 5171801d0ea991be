import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, random_split

torch.manual_seed(0)
data = TensorDataset(torch.randn(96, 8), torch.randint(0, 3, (96,)))
train_set, val_set = random_split(data, [64, 32])
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=16)

model = nn.Sequential(
    nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 3)
)
optimizer = torch.optim.Adam(model.parameters())

for epoch in range(2):
    model.train()
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    print(loss.item(), right)

with torch.no_grad():
    logits = torch.cat([model(x) for x, _ in val_loader])
    labels = torch.cat([y for _, y in val_loader])
temperature = torch.ones(1, requires_grad=True)
lbfgs = torch.optim.LBFGS([temperature], lr=0.1, max_iter=20)


def closure():
    lbfgs.zero_grad()
    loss = F.cross_entropy(logits / temperature, labels)
    loss.backward()
    return loss


lbfgs.step(closure)
adam = torch.optim.Adam([temperature], lr=0.01)
for inputs, labels in val_loader:
    adam.zero_grad()
    with torch.no_grad():
        outputs = model(inputs)
    F.cross_entropy(outputs / temperature, labels).backward()
    adam.step()
print(temperature.item())
