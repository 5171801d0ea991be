import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, random_split

torch.manual_seed(0)
train_set = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
test_set = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
test_loader = DataLoader(test_set, batch_size=16)


def run_epoch(model, loader, optimizer=None):
    total = 0
    for inputs, labels in loader:  # expect: TL904
        loss = F.cross_entropy(model(inputs), labels)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.item()
    return total / len(loader)


net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
adam = torch.optim.Adam(net.parameters())
for epoch in range(3):
    print(run_epoch(net, test_loader, adam))
    with torch.no_grad():
        print(run_epoch(net, test_loader))
