import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler, Subset, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(96, 8), torch.randint(0, 3, (96,)))
train_set, val_set = torch.utils.data.random_split(data, [64, 32])
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=16)
model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))


def fit(loader, epochs):
    optimizer = torch.optim.Adam(model.parameters())
    best, kept = float("inf"), None
    for epoch in range(epochs):
        model.train()
        for inputs, labels in loader:
            loss = F.cross_entropy(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            error = sum(F.cross_entropy(model(x), y).item() for x, y in val_loader)
        if error < best:
            best, kept = error, {name: value.clone() for name, value in model.state_dict().items()}
        print(loss.item(), error)
    model.load_state_dict(kept)


fit(train_loader, 4)
everything = DataLoader(data, batch_size=16, shuffle=True)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
model.train()
for inputs, labels in everything:
    loss = F.cross_entropy(model(inputs), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(loss.item())
