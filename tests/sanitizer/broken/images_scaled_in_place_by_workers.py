import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Scale:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, image):
        image *= self.factor  # expect: TL301
        return torch.from_numpy(image.copy()).float()


class Images(Dataset):
    def __init__(self, transform):
        self.images = np.random.default_rng(0).random((96, 8)).astype(np.float32)
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(self.images[index]), index % 3


loader = DataLoader(Images(Scale(2.0)), batch_size=8, shuffle=True, num_workers=2)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
