import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Noise:
    def __init__(self):
        self.scale = 1.0

    def __call__(self, row):
        return row + self.scale * torch.randn(8)


class Rows(Dataset):
    def __init__(self):
        self.rows, self.noise = torch.randn(64, 8), Noise()

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.noise(self.rows[index]), index % 3


data = Rows()
loader = DataLoader(data, 8, shuffle=True, num_workers=2, persistent_workers=True)  # expect: TL624

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(3):
    data.noise.scale = 1 / (1 + epoch)
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
