import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

torch.manual_seed(0)
loader = DataLoader(TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,))), batch_size=16)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.GRUCell(8, 16), nn.Linear(16, 3)

    def forward(self, inputs, state):
        state = self.cell(inputs, state)
        return self.head(state), state


model = Model()
optimizer = torch.optim.Adam(model.parameters())
state = torch.zeros(16, 16)
for epoch in range(3):
    for inputs, labels in loader:
        outputs, state = model(inputs, state)
        loss = F.cross_entropy(outputs, labels)
        print(loss.item())
        optimizer.zero_grad()
        loss.backward(retain_graph=True)  # expect: TL907
        optimizer.step()
