import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

generator = nn.Linear(4, 8)
critic = nn.Linear(8, 1)
of_generator = torch.optim.Adam(generator.parameters())
of_critic = torch.optim.Adam(critic.parameters())
for epoch in range(3):
    for real, _ in loader:
        noise = torch.randn(len(real), 4)
        fake = generator(noise)
        of_critic.zero_grad()
        loss = F.softplus(-critic(real)).mean() + F.softplus(critic(fake.detach())).mean()
        loss.backward()
        of_critic.step()
        wanted = F.softplus(-critic(fake)).mean()
        wanted.backward()
        of_generator.step()  # expect: TL701
print(loss.item(), wanted.item())
