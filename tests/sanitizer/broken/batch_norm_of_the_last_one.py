import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, random_split

torch.manual_seed(0)
data = TensorDataset(torch.randn(65, 8), torch.randint(0, 3, (65,)))
loader = DataLoader(data, batch_size=16, shuffle=True)  # expect: TL903

model = nn.Sequential(
    nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 3)
)
optimizer = torch.optim.Adam(model.parameters())

for epoch in range(3):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        print(loss.item())
