import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

body, actor, critic = nn.Linear(8, 16), nn.Linear(16, 3), nn.Linear(16, 1)
of_actor = torch.optim.Adam([*body.parameters(), *actor.parameters()], lr=1e-3)
of_critic = torch.optim.Adam(critic.parameters(), lr=1e-3)
for epoch in range(5):
    for inputs, actions in loader:
        features = body(inputs).relu()
        values = critic(features.detach()).squeeze(1)
        returns = inputs.sum(1)
        chances = F.log_softmax(actor(features), dim=1)
        gain = (chances.gather(1, actions[:, None]).squeeze(1) * (returns - values.detach())).mean()
        of_actor.zero_grad()
        of_critic.zero_grad()
        loss = F.smooth_l1_loss(values, returns) - gain
        loss.backward()
        of_actor.step()
        of_critic.step()
    print(loss.item())
