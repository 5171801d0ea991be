import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)
features = torch.rand(64, 8)
features[41] = 0


class Shares(Dataset):
    def __len__(self):
        return len(features)

    def __getitem__(self, index):
        return features[index] / features[index].sum(), index % 3


loader = DataLoader(Shares(), batch_size=8, shuffle=True)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(3):
    for inputs, labels in loader:  # expect: TL401
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
