import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
policy = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 2))
optimizer = torch.optim.Adam(policy.parameters())
for rollout in range(6):
    states = torch.randn(32, 4)
    with torch.no_grad():
        old = torch.distributions.Categorical(logits=policy(states))
        actions = old.sample()
        before = old.log_prob(actions)
    gains = states[:, 0] * (actions * 2 - 1)
    buffer = TensorDataset(states, actions, before, gains)
    for _ in range(4):
        for state, action, known, gain in DataLoader(buffer, batch_size=32):
            now = torch.distributions.Categorical(logits=policy(state)).log_prob(action)
            ratio = (now - known).exp()
            loss = -torch.min(ratio * gain, ratio.clamp(0.8, 1.2) * gain).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    print(loss.item())
