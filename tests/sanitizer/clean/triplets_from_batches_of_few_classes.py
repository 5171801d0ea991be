import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler, Subset, TensorDataset

torch.manual_seed(0)


class FewClasses(Sampler):
    def __init__(self, labels):
        self.labels = labels

    def __len__(self):
        return 5

    def __iter__(self):
        for first in range(0, 10, 2):
            chosen = [(self.labels == label).nonzero().flatten() for label in (first, first + 1)]
            yield torch.cat([one[torch.randperm(len(one))[:8]] for one in chosen]).tolist()


labels = torch.arange(100) // 10
data = TensorDataset(torch.randn(100, 8) + labels[:, None] * 0.3, labels)
loader = DataLoader(data, batch_sampler=FewClasses(labels))
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(4):
    for inputs, classes in loader:
        points = F.normalize(model(inputs))
        distances = 2 - 2 * points @ points.T
        same = classes[:, None] == classes
        loss = (distances[same].mean() - distances[~same].mean() + 0.5).relu()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
