import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)


class Trainer:
    def __init__(self):
        self.model = nn.Linear(8, 3)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)

    def fit(self, epochs):
        for _ in range(epochs):
            for inputs, labels in loader:
                self.train_step(inputs, labels)

    def train_step(self, inputs, labels):
        loss = F.cross_entropy(self.model(inputs), labels)
        loss.backward()
        self.optimizer.step()  # expect: TL701
        print(loss.item())


Trainer().fit(3)
