import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
labels = torch.arange(60) // 20
data = TensorDataset(torch.randn(60, 8) + labels[:, None], labels)
loader = DataLoader(data, batch_size=60)
model = nn.Linear(8, 3)
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=5)
for step in range(5):
    inputs, targets = next(iter(loader))

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), targets)
        loss.backward()
        return loss

    print(optimizer.step(closure).item())
