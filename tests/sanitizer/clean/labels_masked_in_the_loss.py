import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

model = nn.Linear(8, 4)
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(4):
    for inputs, _ in loader:
        labels = torch.randint(-1, 2, (len(inputs), 4)).float()
        losses = F.binary_cross_entropy_with_logits(model(inputs), labels, reduction="none")
        loss = losses[labels >= 0].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
