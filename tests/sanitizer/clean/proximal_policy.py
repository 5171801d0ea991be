import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 16)
        self.actor = nn.Linear(16, 2)
        self.critic = nn.Linear(16, 1)

    def forward(self, states):
        features = self.body(states).tanh()
        choice = torch.distributions.Categorical(logits=self.actor(features))
        return choice, self.critic(features).squeeze(-1)


agent = Agent()
optimizer = torch.optim.Adam(agent.parameters(), lr=3e-4, eps=1e-5)
for update in range(6):
    with torch.no_grad():
        states = torch.randn(64, 4)
        choice, values = agent(states)
        actions = choice.sample()
        before, returns = choice.log_prob(actions), torch.randn(64)
        gains = returns - values
    for epoch in range(4):
        for part in torch.randperm(64).split(16):
            choice, values = agent(states[part])
            ratio = (choice.log_prob(actions[part]) - before[part]).exp()
            gain = (gains[part] - gains[part].mean()) / (gains[part].std() + 1e-8)
            clipped = torch.min(ratio * gain, ratio.clamp(0.8, 1.2) * gain).mean()
            loss = F.mse_loss(values, returns[part]) / 2 - clipped - choice.entropy().mean() / 100
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            optimizer.step()
    print(loss.item())
