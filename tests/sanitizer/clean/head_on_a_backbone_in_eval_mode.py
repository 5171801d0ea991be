import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler, Subset, TensorDataset

torch.manual_seed(0)
train_loader = DataLoader(
    TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,))), batch_size=16, shuffle=True
)
val_loader = DataLoader(
    TensorDataset(torch.randn(32, 8), torch.randint(0, 3, (32,))), batch_size=16
)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout())
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        with torch.no_grad():
            features = self.backbone(x)
        return self.head(features)


model = Classifier()
model.load_state_dict({name: value.clone() for name, value in model.state_dict().items()})
model.backbone.requires_grad_(False)
optimizer = torch.optim.Adam(model.head.parameters())
for epoch in range(4):
    model.eval()
    for inputs, labels in train_loader:
        loss = F.cross_entropy(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        print(loss.item(), sum(F.cross_entropy(model(x), y).item() for x, y in val_loader))
