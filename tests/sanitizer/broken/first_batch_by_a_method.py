import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler, TensorDataset

torch.manual_seed(0)


class Trainer:
    def __init__(self):
        data = TensorDataset(torch.randn(64, 8), torch.randn(64, 1))
        self.loader = DataLoader(data, batch_size=8)
        self.model = nn.Linear(8, 1)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01)

    def get_batch(self):
        return next(iter(self.loader))  # expect: TL410

    def run(self, steps):
        for _ in range(steps):
            inputs, targets = self.get_batch()
            self.optimizer.zero_grad()
            loss = F.mse_loss(self.model(inputs), targets)
            loss.backward()
            self.optimizer.step()
            print(loss.item())


Trainer().run(12)
