import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 16)
        self.cell = nn.LSTM(16, 16, batch_first=True)
        self.head = nn.Linear(16, 20, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x, state=None):
        outputs, state = self.cell(self.embedding(x), state)
        return self.head(outputs), state


text = torch.randint(0, 20, (400,))
model = Model()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
state = None
for epoch in range(3):
    for start in range(0, 360, 20):
        inputs, labels = text[start : start + 20][None], text[start + 1 : start + 21][None]
        if state is not None:
            state = tuple(part.detach() for part in state)
        outputs, state = model(inputs, state)
        loss = F.cross_entropy(outputs.view(-1, 20), labels.view(-1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    print(loss.item())
