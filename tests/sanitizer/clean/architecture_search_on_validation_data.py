import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, random_split

torch.manual_seed(0)
data = TensorDataset(torch.randn(96, 8), torch.randint(0, 3, (96,)))
train_set, val_set = random_split(data, [64, 32])
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=16)


class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.paths = nn.ModuleList(
            [nn.Linear(8, 3), nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))]
        )
        self.choice = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        return sum(share * path(x) for share, path in zip(self.choice.softmax(0), self.paths))


model = Mixed()
weights = torch.optim.SGD(model.paths.parameters(), lr=0.1)
choice = torch.optim.Adam([model.choice], lr=0.01)
for epoch in range(4):
    val_batches = iter(val_loader)
    for number, (inputs, labels) in enumerate(train_loader):
        try:
            val_inputs, val_labels = next(val_batches)
        except StopIteration:
            val_batches = iter(val_loader)
            val_inputs, val_labels = next(val_batches)
        choice.zero_grad()
        F.cross_entropy(model(val_inputs), val_labels).backward()
        choice.step()
        weights.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        weights.step()
    print(loss.item())
