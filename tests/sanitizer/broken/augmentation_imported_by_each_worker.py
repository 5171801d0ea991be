import sys
import tempfile

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)

folder = tempfile.mkdtemp()
with open(folder + "/shift_rows.py", "w") as file:
    file.write("def shift(row):\n    return row + 1\n")
sys.path.insert(0, folder)


class Rows(Dataset):
    def __init__(self):
        self.rows = torch.randn(64, 8)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.augmented(self.rows[index]), index % 3

    def augmented(self, row):
        import json

        from shift_rows import shift  # note: TL641

        return shift(row) * json.loads("1.0")


loader = DataLoader(Rows(), batch_size=8, shuffle=True, num_workers=2)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
