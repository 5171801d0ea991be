import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(5):
    for inputs, labels in loader:
        optimizer.zero_grad()
        for part in range(2):
            x, y = inputs[part::2], labels[part::2]
            fast = dict(model.named_parameters())
            inner = F.cross_entropy(torch.func.functional_call(model, fast, (x[:4],)), y[:4])
            slopes = torch.autograd.grad(inner, list(fast.values()), create_graph=True)
            fast = {n: p - 0.1 * g for (n, p), g in zip(fast.items(), slopes)}
            outer = F.cross_entropy(torch.func.functional_call(model, fast, (x[4:],)), y[4:]) / 2
            outer.backward()
        optimizer.step()
    print(inner.item(), outer.item())
