import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler, TensorDataset

torch.manual_seed(0)
images = torch.randint(0, 256, (96, 1, 12, 12), dtype=torch.uint8)
loader = DataLoader(TensorDataset(images, torch.randint(0, 3, (96,))), 8, shuffle=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 4, 3), nn.Linear(400, 3)

    def forward(self, x):
        x = x.float()
        return self.head(self.conv(x).relu().flatten(1))


net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=1e-5)
for epoch in range(2):
    for pixels, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(pixels), labels)  # expect: TL403
        loss.backward()
        optimizer.step()
    print(loss.item())
