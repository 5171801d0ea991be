import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

torch.manual_seed(0)
images, classes = torch.randn(64, 8), torch.randint(0, 3, (64,))
first, second = torch.Generator().manual_seed(7), torch.Generator().manual_seed(7)
image_loader = DataLoader(images, batch_size=8, shuffle=True, generator=first)
label_loader = DataLoader(classes, batch_size=8, shuffle=True, generator=second)

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(3):
    for inputs, labels in zip(image_loader, label_loader):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
