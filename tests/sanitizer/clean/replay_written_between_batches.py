import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Replay(Dataset):
    def __init__(self):
        self.states = torch.randn(64, 8)
        self.actions = torch.randint(0, 3, (64,))

    def __len__(self):
        return len(self.states)

    def __getitem__(self, index):
        return self.states[index], self.actions[index]


replay = Replay()
model = nn.Linear(8, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for epoch in range(4):
    for step, (states, actions) in enumerate(DataLoader(replay, batch_size=8, shuffle=True)):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(states), actions)
        loss.backward()
        optimizer.step()
        replay.states[step * 8 : step * 8 + 4] = torch.randn(4, 8)
        replay.actions[step * 8] = model(states).argmax(1)[0]
    print(loss.item())
