import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

model = nn.GRUCell(8, 8)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
hidden = torch.zeros(16, 8)
for inputs, labels in loader:
    optimizer.zero_grad()
    hidden = model(inputs, hidden)
    loss = F.cross_entropy(hidden, labels)
    print(loss.item())
    loss.backward()  # expect: TL720
    optimizer.step()
