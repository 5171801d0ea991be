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


def attack(inputs, labels):
    model.eval()
    moved = inputs.clone().requires_grad_()
    loss = F.cross_entropy(model(moved), labels)
    (gradient,) = torch.autograd.grad(loss, moved)
    model.train()
    return inputs + 0.1 * gradient.sign()


for epoch in range(3):
    for inputs, labels in train_loader:
        loss = F.cross_entropy(model(attack(inputs, labels)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
