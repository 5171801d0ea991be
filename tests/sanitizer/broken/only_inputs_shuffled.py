import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Vectors(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]


class Data:
    def __init__(self):
        rows = Vectors(torch.randn(64, 8))
        self.inputs = DataLoader(rows, 8, shuffle=True)  # expect: TL408
        self.labels = DataLoader(Vectors(torch.randint(0, 3, (64,))), batch_size=8)

    def batches(self):
        labels = iter(self.labels)
        for inputs in self.inputs:
            yield inputs, next(labels)


pairs = Data()

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(3):
    for inputs, labels in pairs.batches():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
