import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, random_split

torch.manual_seed(0)


class Noisy(Dataset):
    def __init__(self, count):
        self.images = torch.rand(count, 1, 8, 8)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index]
        return image + 0.1 * torch.randn_like(image), image


train_loader = DataLoader(Noisy(64), batch_size=16, shuffle=True)
val_loader = DataLoader(Noisy(32), batch_size=16)
model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(3):
    for noisy, clean in train_loader:
        optimizer.zero_grad()
        loss = F.mse_loss(model(noisy), clean)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        print(loss.item(), sum(F.mse_loss(model(x), y).item() for x, y in val_loader))
