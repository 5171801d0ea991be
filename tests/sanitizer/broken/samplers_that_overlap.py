import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler, TensorDataset

torch.manual_seed(0)


class Experiment:
    def __init__(self, data):
        order = torch.randperm(len(data)).tolist()
        seen, unseen = SubsetRandomSampler(order[:60]), SubsetRandomSampler(order[50:])
        self.train = DataLoader(data, batch_size=8, sampler=seen)
        self.val = DataLoader(data, batch_size=8, sampler=unseen)  # expect: TL905
        self.model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
        self.optimizer = torch.optim.Adam(self.model.parameters())

    def train_one_epoch(self):
        self.model.train()
        for inputs, labels in self.train:
            self.optimizer.zero_grad()
            F.cross_entropy(self.model(inputs), labels).backward()
            self.optimizer.step()

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        return sum(F.cross_entropy(self.model(x), y).item() for x, y in self.val)


experiment = Experiment(TensorDataset(torch.randn(80, 8), torch.randint(0, 3, (80,))))
for epoch in range(3):
    experiment.train_one_epoch()
    print(experiment.validate())
