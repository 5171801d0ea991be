import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

torch.manual_seed(0)
images = torch.randn(64, 8)
classes = torch.randint(0, 3, (64,))
image_loader = DataLoader(images, batch_size=8, shuffle=True)
label_loader = DataLoader(classes, batch_size=8, shuffle=True)  # expect: TL408

model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(3):
    for inputs, labels in zip(image_loader, label_loader):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(loss.item())
