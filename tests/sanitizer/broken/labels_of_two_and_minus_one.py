import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

model = nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(9):
    for inputs, labels in loader:
        optimizer.zero_grad()
        sign = (labels > 0).float() * 2 - 1
        loss = F.binary_cross_entropy_with_logits(model(inputs).squeeze(1), sign)  # expect: TL806
        loss.backward()
        optimizer.step()
    print(loss.item())
