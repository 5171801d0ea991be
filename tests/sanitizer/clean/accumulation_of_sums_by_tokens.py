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
    batches, total = [], 0
    for inputs, labels in loader:
        batches.append((inputs, labels))
        total += len(labels)
        if len(batches) < 2:
            continue
        for inputs, labels in batches:
            loss = F.cross_entropy(model(inputs), labels, reduction="sum") / total
            loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        batches, total = [], 0
    print(loss.item())
