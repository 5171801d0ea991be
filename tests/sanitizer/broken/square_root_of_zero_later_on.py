import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
model = nn.Linear(8, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(12):
    if epoch == 6:  # from here on, samples are compared with themselves
        data.tensors[0][1::2] = data.tensors[0][::2]
    for inputs, labels in loader:
        optimizer.zero_grad()
        difference = model(inputs) - model(inputs.roll(1, 0) if epoch < 6 else inputs)
        distances = difference.square().sum(1).sqrt()  # expect: TL721
        loss = (distances - 1).square().mean()
        loss.backward()
        optimizer.step()
    print(loss.item())
