import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
import copy
import hashlib
import io
import pickle

optimizer = torch.optim.Adam(model.parameters())
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=16)
for epoch in range(4):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        scheduler.step()
    print(loss.item())
    file = io.BytesIO()
    torch.save(model, file)
    torch.save(optimizer.state_dict(), file)
    copies = copy.deepcopy((model, optimizer, scheduler))
    size = len(pickle.dumps((model, loader, scheduler.state_dict())))
    print(hashlib.sha256(file.getvalue()).hexdigest(), size / 1)
