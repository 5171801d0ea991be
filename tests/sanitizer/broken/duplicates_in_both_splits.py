import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, random_split

torch.manual_seed(0)
features = torch.randn(60, 8)
inputs = features.repeat(3, 1)  # oversampled before the split
labels = torch.randint(0, 3, (180,))
picked = torch.randperm(180)


def make_loader(indices, shuffle):
    chosen = TensorDataset(inputs[indices], labels[indices])
    return DataLoader(chosen, batch_size=16, shuffle=shuffle)  # expect: TL905


train_loader = make_loader(torch.unique(picked[:90] % 60), True)
val_loader = make_loader(torch.unique(picked[90:] % 60), False)

model = nn.Sequential(
    nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 3)
)
optimizer = torch.optim.Adam(model.parameters())

for epoch in range(3):
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
