import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler, Subset, TensorDataset

torch.manual_seed(0)


class Stream(IterableDataset):
    def __iter__(self):
        generator = torch.Generator().manual_seed(torch.randint(2**31, ()).item())
        buffer = []
        for number in range(96):
            buffer.append((torch.randn(8, generator=generator), number // 32))
            if len(buffer) > 40:
                yield buffer.pop(torch.randint(len(buffer), (), generator=generator).item())
        yield from buffer


loader = DataLoader(Stream(), batch_size=8)
model = nn.Linear(8, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    for inputs, labels in loader:
        loss = F.cross_entropy(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
