import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Graphs(Dataset):
    def __init__(self):
        self.nodes = [torch.rand(6, 8) for _ in range(100)]

    def __len__(self):
        return len(self.nodes)

    def __getitem__(self, index):
        return self.nodes[index], torch.arange(6) % 3


loader = DataLoader(Graphs(), batch_size=None, shuffle=True)

model = nn.Linear(8, 3)
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(2):
    for nodes, labels in loader:
        nodes *= 1.25  # expect: TL302
        optimizer.zero_grad()
        loss = F.cross_entropy(model(nodes), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
