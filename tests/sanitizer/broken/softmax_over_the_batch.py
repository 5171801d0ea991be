import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3), nn.LogSoftmax(dim=0))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(9):
    for inputs, labels in loader:
        optimizer.zero_grad()
        outputs = model(inputs)  # expect: TL805
        loss = F.nll_loss(outputs, labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
