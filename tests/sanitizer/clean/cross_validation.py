import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, random_split

torch.manual_seed(0)
data = TensorDataset(torch.randn(90, 8), torch.randint(0, 3, (90,)))
folds = torch.randperm(90).chunk(3)
for number, held_out in enumerate(folds):
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(model.parameters())
    rest = torch.cat([fold for other, fold in enumerate(folds) if other != number])
    train_loader = DataLoader(Subset(data, rest), batch_size=16, shuffle=True)
    val_loader = DataLoader(Subset(data, held_out.tolist()), batch_size=16)
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
