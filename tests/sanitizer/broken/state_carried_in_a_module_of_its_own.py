import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

torch.manual_seed(0)
loader = DataLoader(TensorDataset(torch.randn(64, 5, 8), torch.randn(64, 1)), batch_size=16)


class Memory(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 1)
        self.state = None

    def forward(self, inputs):
        outputs, self.state = self.lstm(inputs, self.state)
        return self.head(outputs[:, -1])


class Trainer:
    def __init__(self):
        self.model = Memory()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)

    def step(self, inputs, targets):
        self.optimizer.zero_grad()
        loss = F.mse_loss(self.model(inputs), targets)
        print(loss.item())
        loss.backward(retain_graph=True)  # expect: TL907
        self.optimizer.step()


trainer = Trainer()
for inputs, targets in loader:
    trainer.step(inputs, targets)
