import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)


def make():
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))


class Trainer:
    def __init__(self):
        self.model = make()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)  # expect: TL711
        self.model = make()

    def fit(self):
        for epoch in range(3):
            for inputs, labels in loader:
                self.optimizer.zero_grad()
                loss = F.cross_entropy(self.model(inputs), labels)
                loss.backward()
                self.optimizer.step()
            print(loss.item())


Trainer().fit()
