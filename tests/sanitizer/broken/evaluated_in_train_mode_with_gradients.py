import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, random_split

torch.manual_seed(0)
data = TensorDataset(torch.randn(96, 8), torch.randint(0, 3, (96,)))
train_set, val_set = random_split(data, [64, 32])
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=16)


class Trainer:
    def __init__(self):
        self.model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)

    def loss(self, batch):
        inputs, labels = batch
        return F.cross_entropy(self.model(inputs), labels)  # expect: TL901

    def fit(self):
        for epoch in range(3):
            for batch in train_loader:
                self.optimizer.zero_grad()
                self.loss(batch).backward()
                self.optimizer.step()
            print(sum(self.loss(batch).item() for batch in val_loader))


Trainer().fit()
