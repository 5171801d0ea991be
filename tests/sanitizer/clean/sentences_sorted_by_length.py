import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

torch.manual_seed(0)


class Sentences(Dataset):
    def __init__(self):
        self.lengths = torch.arange(2, 8).repeat_interleave(16)
        self.labels = torch.randint(0, 3, (96,))

    def __len__(self):
        return 96

    def __getitem__(self, index):
        return torch.randn(8, 4), self.lengths[index], self.labels[index]


loader = DataLoader(Sentences(), batch_size=8)
cell, head = nn.GRU(4, 16, batch_first=True), nn.Linear(16, 3)
optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters()])
for epoch in range(3):
    for words, lengths, labels in loader:
        states, _ = cell(words)
        last = states[torch.arange(len(labels)), lengths - 1]
        loss = F.cross_entropy(head(last), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
