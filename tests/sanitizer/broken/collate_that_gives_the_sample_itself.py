import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class Trainer:
    def __init__(self, inputs, labels):
        data = TensorDataset(inputs, labels)
        self.loader = DataLoader(data, batch_size=1, collate_fn=lambda samples: samples[0])
        self.model = nn.Linear(8, 3)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01)

    def prepare(self, batch):
        inputs, labels = batch
        inputs.add_(0.1)  # expect: TL302
        return inputs, labels

    def fit(self, epochs):
        for _ in range(epochs):
            for batch in self.loader:
                inputs, labels = self.prepare(batch)
                self.optimizer.zero_grad()
                loss = F.cross_entropy(self.model(inputs), labels)
                loss.backward()
                self.optimizer.step()
            print(loss.item())


Trainer(torch.randn(40, 8), torch.randint(0, 3, (40,))).fit(3)
