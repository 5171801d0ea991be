import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.query = nn.Linear(1, 8)
        self.key = nn.Linear(1, 8)
        self.value = nn.Linear(1, 8)
        self.gate = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = x.unsqueeze(2)
        weights = F.softmax(self.query(x) @ self.key(x).transpose(1, 2), dim=2)
        x = (weights @ self.value(x)).mean(1)
        x = x * torch.sigmoid(self.gate(x))
        return self.head(x)


model = Net()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for epoch in range(4):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels, label_smoothing=0.1)
        loss.backward()
        optimizer.step()
    print(loss.item())
