import importlib
import sys
import tempfile
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset


class Rows(Dataset):
    """Rows of random numbers."""

    def __init__(self):
        self.rows = torch.randn(64, 8)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index, factor=2):
        return self.rows[index] * factor, index % 3


def scale():
    return 2


if __name__ == "__main__":
    text = Path(__file__).read_text()
    folder = Path(tempfile.mkdtemp())
    (folder / "rows.py").write_text(text)
    (folder / "scales.py").write_text(text)
    sys.path.insert(0, str(folder))
    import rows
    import scales

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
        moved = text.replace("Rows of random numbers.", "Rows, drawn once.")
        (folder / "rows.py").write_text("# Another line.\n\n" + moved)
        (folder / "scales.py").write_text(text.replace("return 2", "return 23"))
        importlib.invalidate_caches()
        importlib.reload(scales)
        print(scales.scale())
