import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler, TensorDataset

torch.manual_seed(0)
targets = torch.cat([torch.zeros(48, 1), torch.ones(48, 1)])
data = TensorDataset(torch.randn(96, 8) + targets, targets)


def loaders():
    return DataLoader(data, batch_size=8)  # expect: TL407


class Trainer:
    def __init__(self):
        self.model = nn.Linear(8, 1)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-2)

    def fit(self, loader):
        for epoch in range(3):
            for inputs, wanted in loader:
                loss = F.binary_cross_entropy_with_logits(self.model(inputs), wanted)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
            print(loss.item())


Trainer().fit(loaders())
