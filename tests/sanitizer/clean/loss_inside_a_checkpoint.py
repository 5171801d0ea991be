import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
from torch.utils.checkpoint import checkpoint

model = nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.3), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def loss_of(inputs, labels):
    return F.nll_loss(F.log_softmax(model(inputs), dim=1), labels)


for epoch in range(4):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = checkpoint(loss_of, inputs, labels, use_reentrant=False)
        loss.backward()
        optimizer.step()
    print(loss.item())
