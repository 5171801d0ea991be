import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
import os
from contextlib import nullcontext

import torch.distributed as dist

os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="0", TORCH_CPP_LOG_LEVEL="ERROR")
store = dist.HashStore()
dist.init_process_group("gloo", store=store, rank=0, world_size=1)
net = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
model = nn.parallel.DistributedDataParallel(net)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(4):
    for number, (inputs, labels) in enumerate(loader):
        last = number % 2 == 1
        with nullcontext() if last else model.no_sync():
            loss = F.cross_entropy(model(inputs), labels) / 2
            loss.backward()
        if last:
            optimizer.step()
            optimizer.zero_grad()
    print(loss.item())
dist.destroy_process_group()
