import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

model = nn.Linear(8, 1)
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=10)
inputs, labels = data.tensors


def closure():
    optimizer.zero_grad()
    loss = F.mse_loss(model(inputs), labels[:, None].float())
    loss.backward()
    return loss


for step in range(6):
    loss = optimizer.step(closure)
    print(loss.item())
