import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

encoder = nn.Linear(8, 16)
scale = nn.Parameter(torch.tensor(1.0))
optimizer = torch.optim.AdamW([*encoder.parameters(), scale], lr=1e-3)
for epoch in range(4):
    for inputs, _ in loader:
        one = F.normalize(encoder(inputs), dim=1)
        other = F.normalize(encoder(inputs + 0.1 * torch.randn_like(inputs)), dim=1)
        likeness = scale.exp() * one @ other.T
        labels = torch.arange(len(inputs))
        loss = F.cross_entropy(likeness, labels) + F.cross_entropy(likeness.T, labels)
        loss = loss - F.log_softmax(likeness, dim=0).diagonal().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
