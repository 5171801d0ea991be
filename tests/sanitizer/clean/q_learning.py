import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
import copy

online = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
target = copy.deepcopy(online)
optimizer = torch.optim.Adam(online.parameters())
for step in range(60):
    states, actions, rewards = torch.randn(16, 4), torch.randint(0, 2, (16,)), torch.randn(16)
    with torch.no_grad():
        wanted = rewards + 0.9 * target(torch.randn(16, 4)).max(1).values
    guessed = online(states).gather(1, actions[:, None]).squeeze(1)
    loss = F.smooth_l1_loss(guessed, wanted)
    optimizer.zero_grad()
    loss.backward()
    for parameter in online.parameters():
        parameter.grad.data.clamp_(-1, 1)
    optimizer.step()
    if step % 10 == 0:
        target.load_state_dict(online.state_dict())
        print(loss.item())
