import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, random_split

torch.manual_seed(0)


class Photos(Dataset):
    def __init__(self, count, transform):
        self.images = torch.rand(count, 1, 12, 12)
        self.labels = torch.randint(0, 3, (count,))
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(self.images[index]), self.labels[index]


def crop(image):
    top, left = torch.randint(0, 5, (2,)).tolist()
    return image[:, top : top + 8, left : left + 8]


train_loader = DataLoader(Photos(64, crop), batch_size=16, shuffle=True)
val_loader = DataLoader(Photos(32, crop), batch_size=16)  # expect: TL906
model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
optimizer = torch.optim.Adam(model.parameters())

for epoch in range(3):
    model.train()
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    print(loss.item(), right)
