import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Rows(Dataset):
    def __init__(self):
        self.rows = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index], index % 3


class Collate:
    def __init__(self):
        self.inputs = np.empty((8, 8), dtype=np.float32)

    def __call__(self, samples):
        for place, (row, _) in enumerate(samples):
            self.inputs[place] = row
        return self.inputs, [label for _, label in samples]


loader = DataLoader(Rows(), batch_size=8, num_workers=1, collate_fn=Collate())  # expect: TL303
model = nn.Linear(8, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
for epoch in range(2):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(torch.from_numpy(inputs)) * 0, torch.tensor(labels))
        loss.backward()
        optimizer.step()
    print(loss.item())
