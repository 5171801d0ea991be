import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

body = nn.Linear(8, 16)
optimizer = torch.optim.Adam(body.parameters())
for epoch in range(4):
    for inputs, labels in loader:
        head = list(nn.Linear(16, 3).parameters())
        for _ in range(2):
            inner = F.cross_entropy(F.linear(body(inputs[:8]).relu(), *head), labels[:8])
            slopes = torch.autograd.grad(inner, head, create_graph=True)
            head = [part - 0.1 * slope for part, slope in zip(head, slopes)]
        loss = F.cross_entropy(F.linear(body(inputs[8:]).relu(), *head), labels[8:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
