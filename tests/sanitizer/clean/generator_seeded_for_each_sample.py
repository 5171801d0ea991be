import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Rows(Dataset):
    def __init__(self):
        self.rows = torch.randn(48, 8)
        self.generator = torch.Generator()

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        self.generator.manual_seed(torch.randint(2**31, ()).item())
        return self.rows[index] + 0.1 * torch.randn(8, generator=self.generator), index % 3


loader = DataLoader(Rows(), batch_size=8, shuffle=True, num_workers=2)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
