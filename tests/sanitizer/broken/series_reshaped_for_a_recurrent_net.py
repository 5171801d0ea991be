import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 10, 4).cumsum(1), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=8, shuffle=True)


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRU(4, 16)
        self.head = nn.Linear(16, 3)

    def forward(self, series):
        _, state = self.cell(series.reshape(10, -1, 4))  # expect: TL406
        return self.head(state[-1])


class Trainer:
    def __init__(self):
        self.model = Reader()
        self.optimizer = torch.optim.Adam(self.model.parameters())

    def step(self, series, labels):
        loss = F.cross_entropy(self.model(series), labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


trainer = Trainer()
for epoch in range(3):
    print([trainer.step(*batch) for batch in loader])
