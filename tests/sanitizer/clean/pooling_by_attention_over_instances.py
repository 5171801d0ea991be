import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

score, head = nn.Linear(8, 1), nn.Linear(8, 2)
optimizer = torch.optim.SGD([*score.parameters(), *head.parameters()], lr=0.1)
for epoch in range(4):
    for bag, labels in loader:
        weights = F.softmax(score(bag), dim=0)
        loss = F.nll_loss(
            F.log_softmax(head(weights.T @ bag), dim=1), labels.max().clamp(max=1)[None]
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
