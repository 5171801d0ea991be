import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
import copy


class Byol(nn.Module):
    def __init__(self):
        super().__init__()
        self.online = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))
        self.predictor = nn.Linear(8, 8)
        self.target = copy.deepcopy(self.online)

    def forward(self, one, other):
        with torch.no_grad():
            wanted = self.target(other)
        return 2 - 2 * F.cosine_similarity(self.predictor(self.online(one)), wanted).mean()


model = Byol()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(4):
    for inputs, _ in loader:
        loss = model(inputs + 0.1 * torch.randn_like(inputs), inputs)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for slow, quick in zip(model.target.parameters(), model.online.parameters()):
            slow.data.mul_(0.99).add_(quick.data, alpha=0.01)
    print(loss.item())
