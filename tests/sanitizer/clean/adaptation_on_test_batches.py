import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler, Subset, TensorDataset

torch.manual_seed(0)
labels = torch.randint(0, 3, (64,))
train_loader = DataLoader(TensorDataset(torch.randn(64, 8), labels), batch_size=16, shuffle=True)
test_loader = DataLoader(TensorDataset(torch.randn(64, 8) + 0.5, labels), batch_size=16)
model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(3):
    for inputs, classes in train_loader:
        loss = F.cross_entropy(model(inputs), classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
model.requires_grad_(False)
model[1].requires_grad_(True)
adapting = torch.optim.SGD(model[1].parameters(), lr=1e-3)
for inputs, _ in test_loader:
    outputs = model(inputs).log_softmax(1)
    entropy = -(outputs.exp() * outputs).sum(1).mean()
    adapting.zero_grad()
    entropy.backward()
    adapting.step()
    print(entropy.item())
