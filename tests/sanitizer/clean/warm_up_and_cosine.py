import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
steps = 30 * len(loader)
warm = torch.optim.lr_scheduler.LinearLR(optimizer, 1e-8, 1.0, total_iters=30)
cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps - 30)
scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [warm, cosine], [30])
for epoch in range(30):
    for inputs, labels in loader:
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        scheduler.step()
    print(loss.item(), scheduler.get_last_lr())
