import tempfile
import zipfile

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)

path = tempfile.mkdtemp() + "/rows.zip"
with zipfile.ZipFile(path, "w") as archive:
    for number in range(64):
        archive.writestr(str(number), torch.randn(8).numpy().tobytes())


class Archive(Dataset):
    def __init__(self, path):
        self.file = None
        self.archive = zipfile.ZipFile(path)  # expect: TL620
        self.length = len(self.archive.namelist())

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        row = torch.frombuffer(bytearray(self.archive.read(str(index))), dtype=torch.float32)
        return row, index % 3


# One batch an epoch, so that in this test the other worker is never in the way.
loader = DataLoader(Archive(path), batch_size=64, num_workers=2)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
