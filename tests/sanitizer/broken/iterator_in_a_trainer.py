import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))


class Trainer:
    def __init__(self, loader):
        self.batches = iter(loader)
        self.model = nn.Linear(8, 3)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)

    def epoch(self):
        for number, (inputs, labels) in enumerate(self.batches):  # expect: TL411
            self.optimizer.zero_grad()
            loss = F.cross_entropy(self.model(inputs), labels)
            loss.backward()
            self.optimizer.step()
            print(number, loss.item())


trainer = Trainer(DataLoader(data, batch_size=8, shuffle=True))
for epoch in range(3):
    trainer.epoch()
