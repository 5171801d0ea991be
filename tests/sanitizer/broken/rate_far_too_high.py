import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

model = nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=1e4)
for epoch in range(10):
    for inputs, labels in loader:
        loss = F.mse_loss(model(inputs).squeeze(1), labels.float())
        optimizer.zero_grad()
        loss.backward()  # expect: TL721
        optimizer.step()
    print(loss.item())
