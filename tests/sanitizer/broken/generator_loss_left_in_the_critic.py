import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

generator, critic = nn.Linear(4, 8), nn.Linear(8, 1)
of_generator = torch.optim.SGD(generator.parameters(), lr=0.01)
of_critic = torch.optim.SGD(critic.parameters(), lr=0.01)
for epoch in range(4):
    for real, _ in loader:
        of_generator.zero_grad()
        of_critic.zero_grad()
        wanted = F.softplus(-critic(generator(torch.randn(len(real), 4)))).mean()
        wanted.backward()  # expect: TL706
        of_generator.step()
        fake = generator(torch.randn(len(real), 4)).detach()
        loss = F.softplus(-critic(real)).mean() + F.softplus(critic(fake)).mean()
        loss.backward()
        of_critic.step()
    print(loss.item(), wanted.item())
