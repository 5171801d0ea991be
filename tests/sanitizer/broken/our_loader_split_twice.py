import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset, random_split

import trueload

torch.manual_seed(0)
data = TensorDataset(torch.randn(160, 8), torch.randint(0, 3, (160,)))
train, _ = random_split(data, [120, 40])
_, held_out = random_split(data, [120, 40])
loader = trueload.DataLoader(train, batch_size=8, shuffle=True, seed=0)
val_loader = trueload.DataLoader(held_out, batch_size=8)  # expect: TL905

model = nn.Linear(8, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
batches = loader.endless(steps=45)
for step, (x, y) in enumerate(batches):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    if step % 15 == 14:
        with torch.no_grad():
            print(loss.item(), sum(F.cross_entropy(model(x), y).item() for x, y in val_loader))
