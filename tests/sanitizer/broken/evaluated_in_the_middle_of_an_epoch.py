import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler, TensorDataset

torch.manual_seed(0)
train = DataLoader(
    TensorDataset(torch.randn(96, 8), torch.randn(96, 1)), batch_size=8, shuffle=True
)
test = DataLoader(TensorDataset(torch.randn(16, 8), torch.randn(16, 1)), batch_size=8)
net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1))
optimizer = torch.optim.RMSprop(net.parameters())


def test_loss():
    net.eval()
    with torch.no_grad():
        return sum(F.mse_loss(net(x), y).item() for x, y in test)


step = 0
for epoch in range(2):
    net.train()
    for x, y in train:
        optimizer.zero_grad()
        F.mse_loss(net(x), y).backward()  # expect: TL902
        optimizer.step()
        step += 1
        if step % 8 == 0:
            print(step, test_loss())
