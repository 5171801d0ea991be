import threading

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Guarded(Dataset):
    def __init__(self, rows):
        self.rows = rows
        self.cache = {"hits": 0}
        self.lock = threading.Lock()  # expect: TL621

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        with self.lock:
            return self.rows[index], index % 3


def main():
    data = Guarded(torch.randn(64, 8))
    model = nn.Linear(8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for loader in (
        DataLoader(data, batch_size=8),
        DataLoader(data, batch_size=8, num_workers=1, multiprocessing_context="spawn"),
    ):
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
        print(loss.item())


if __name__ == "__main__":
    main()
