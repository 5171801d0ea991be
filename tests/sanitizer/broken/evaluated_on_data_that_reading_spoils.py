import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Images(Dataset):
    def __init__(self, count):
        self.images = 40 * torch.randn(count, 3, 8, 8) + 120
        self.labels = torch.arange(count) % 5

    def prepared(self, image):
        for channel in range(3):
            image[channel] = (image[channel] - 120) / 40  # expect: TL301
        return image

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.prepared(self.images[index]), self.labels[index]


loader = DataLoader(Images(60), batch_size=10, shuffle=True)
test = DataLoader(Images(20), batch_size=10)
model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(288, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for epoch in range(4):
    model.train()
    for images, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(images).argmax(1) == labels).sum() for images, labels in test)
    print(loss.item(), right.item())
