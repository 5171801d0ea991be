import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, random_split

torch.manual_seed(0)


class Detection(Dataset):
    def __init__(self):
        self.images = torch.randn(80, 8)
        self.targets = [{"boxes": torch.rand(4), "labels": n % 3} for n in range(80)]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        target = self.targets[index]
        target["boxes"] = target["boxes"] * 2  # expect: TL301
        image = torch.cat([self.images[index][:4], target["boxes"]])
        return image, target["labels"]


train, test = random_split(Detection(), [64, 16])
loader = DataLoader(train, batch_size=8, shuffle=True)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
