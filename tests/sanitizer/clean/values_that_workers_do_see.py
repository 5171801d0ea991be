import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Rows(Dataset):
    def __init__(self):
        self.rows = torch.randn(48, 8)
        self.epoch, self.training, self.loops = 0, True, 0
        self.shared = torch.zeros(1).share_memory_()

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        noise = 0.01 * torch.randn(8) if self.training else 0
        return self.rows[index] + self.epoch + self.shared + noise, index % 3


data, lasting = Rows(), Rows()
loader = DataLoader(data, batch_size=8, shuffle=True, num_workers=1)
living = DataLoader(lasting, batch_size=8, shuffle=True, num_workers=1, persistent_workers=True)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for epoch in range(3):
    data.epoch, lasting.loops = epoch, epoch
    lasting.shared.fill_(epoch)
    for batches in (loader, living):
        for inputs, labels in batches:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
    lasting.training = False
    lasting.training = True
    print(loss.item())
