import random

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Boxes(Dataset):
    def __init__(self):
        generator = random.Random(0)
        self.ids = list(range(100, 180))
        self.annotations = {
            number: {"box": [generator.random() for _ in range(8)], "label": number % 3}
            for number in self.ids
        }

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, index):
        annotation = self.annotations[self.ids[index]]
        for side in range(8):
            annotation["box"][side] *= 1.5  # expect: TL301
        return annotation


def collate(samples):
    boxes = torch.tensor([sample["box"] for sample in samples])
    return boxes, torch.tensor([sample["label"] for sample in samples])


loader = DataLoader(Boxes(), batch_size=8, shuffle=True, num_workers=1, collate_fn=collate)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
