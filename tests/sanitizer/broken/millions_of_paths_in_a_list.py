import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Paths(Dataset):
    def __init__(self):
        self.paths = [f"images/{number:08d}.png" for number in range(1_100_000)]

    def __len__(self):
        return 48

    def __getitem__(self, index):
        number = int(self.paths[index][7:15])
        return torch.full((8,), number / 48), index % 3


loader = DataLoader(Paths(), batch_size=8, num_workers=1)  # note: TL622

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
