import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64, 1)))
loader = DataLoader(data, batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(8, 1), nn.Sigmoid())
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for inputs, labels in loader:
    print(inputs.sum().item())
    loss = F.binary_cross_entropy(model(inputs), labels.float())  # expect: TL806
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
