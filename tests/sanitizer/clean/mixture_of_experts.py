import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)


class Mixture(nn.Module):
    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList(nn.Linear(8, 3) for _ in range(6))

    def forward(self, x, number):
        return self.experts[number](x)


model = Mixture()
optimizers = [torch.optim.SGD(expert.parameters(), lr=0.1) for expert in model.experts]
for epoch in range(6):
    for number, (inputs, labels) in enumerate(loader):
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs, number), labels)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
    print(loss.item())
