import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
from torch.utils.checkpoint import checkpoint


class Net(nn.Module):
    def __init__(self, reentrant):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.1), nn.ReLU())
        self.head = nn.Linear(16, 3)
        self.reentrant = reentrant

    def forward(self, x):
        x = checkpoint(self.body, x, use_reentrant=self.reentrant)
        return self.head(x)


for reentrant in (True, False):
    model = Net(reentrant)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(3):
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs.requires_grad_()), labels)
            loss.backward()
            optimizer.step()
        print(loss.item())
