import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

torch.manual_seed(0)
labelled = DataLoader(
    TensorDataset(torch.randn(32, 8), torch.randint(0, 3, (32,))), batch_size=8, shuffle=True
)
unlabelled = DataLoader(torch.randn(64, 8), batch_size=8, shuffle=True)

model = nn.Sequential(
    nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 3)
)
optimizer = torch.optim.Adam(model.parameters())

for epoch in range(3):
    with_labels = iter(labelled)
    for others in unlabelled:
        with torch.no_grad():
            guessed = model(others).argmax(1)
        batch = next(with_labels, None)
        if batch is None:
            with_labels = iter(labelled)
            batch = next(with_labels)
        inputs, labels = batch
        outputs = model(torch.cat([inputs, others]))
        loss = F.cross_entropy(outputs, torch.cat([labels, guessed]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
