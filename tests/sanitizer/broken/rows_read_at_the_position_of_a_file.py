import tempfile

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)

path = tempfile.mkdtemp() + "/rows.bin"
with open(path, "wb") as file:
    file.write(torch.randn(64, 8).numpy().tobytes())


class Reader:
    def __init__(self, path):
        self.file = open(path, "rb")  # expect: TL620

    def row(self, index):
        self.file.seek(index * 32)
        return torch.frombuffer(bytearray(self.file.read(32)), dtype=torch.float32)


class Rows(Dataset):
    def __init__(self, path):
        self.reader = Reader(path)

    def __len__(self):
        return 64

    def __getitem__(self, index):
        return self.reader.row(index), index % 3


# One batch an epoch, so that in this test the other worker is never in the way.
loader = DataLoader(Rows(path), batch_size=64, num_workers=2, persistent_workers=True)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
