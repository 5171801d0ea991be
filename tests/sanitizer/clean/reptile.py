import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
import copy

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
outer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(5):
    for inputs, labels in loader:
        fast = copy.deepcopy(model)
        inner = torch.optim.SGD(fast.parameters(), lr=0.05)
        for _ in range(2):
            inner.zero_grad()
            loss = F.cross_entropy(fast(inputs), labels)
            loss.backward()
            inner.step()
        for slow, quick in zip(model.parameters(), fast.parameters()):
            if slow.grad is None:
                slow.grad = torch.zeros_like(slow)
            slow.grad.copy_(slow.data - quick.data)
        outer.step()
    print(loss.item())
