"""The script writes itself as a module, imports that, and saves it anew after an epoch."""

import sys
import tempfile
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset


class Rows(Dataset):
    def __init__(self):
        self.rows = torch.randn(64, 8)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):  # expect: TL640
        return self.rows[index] * 2, index % 3


if __name__ == "__main__":
    text = Path(__file__).read_text()
    module = Path(tempfile.mkdtemp(), "rows.py")
    module.write_text(text)
    sys.path.insert(0, str(module.parent))
    import rows

    torch.manual_seed(0)
    loader = DataLoader(rows.Rows(), batch_size=8, shuffle=True)
    model = nn.Linear(8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for epoch in range(2):
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
        print(loss.item())
        module.write_text(text.replace("* 2", "* 3"))
