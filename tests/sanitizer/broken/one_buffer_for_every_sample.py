import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Rows(Dataset):
    def __init__(self):
        self.rows = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
        self.scaled = np.empty(8, dtype=np.float32)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        np.multiply(self.rows[index], 0.5, out=self.scaled)  # expect: TL303
        return self.scaled, index % 3


def collate(samples):
    inputs = np.stack([sample[0] for sample in samples])
    return torch.from_numpy(inputs), torch.tensor([sample[1] for sample in samples])


def main():
    loader = DataLoader(Rows(), batch_size=8, shuffle=True, num_workers=2, collate_fn=collate)
    train(loader)


def train(loader):
    model = nn.Linear(8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for epoch in range(2):
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
        print(loss.item())


main()
