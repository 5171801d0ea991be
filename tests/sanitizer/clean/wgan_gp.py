import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

generator = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 8))
critic = nn.Sequential(nn.Linear(8, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
of_generator = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
of_critic = torch.optim.Adam(critic.parameters(), lr=2e-4, betas=(0.5, 0.999))
for epoch in range(8):
    for number, (real, _) in enumerate(loader):
        fake = generator(torch.randn(len(real), 4)).detach()
        of_critic.zero_grad()
        mixed = torch.lerp(real, fake, torch.rand(len(real), 1)).requires_grad_()
        [slope] = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
        penalty = 10 * (slope.norm(dim=1) - 1).square().mean()
        loss = critic(fake).mean() - critic(real).mean() + penalty
        loss.backward()
        of_critic.step()
        if number % 4 == 3:
            of_generator.zero_grad()
            wanted = -critic(generator(torch.randn(len(real), 4))).mean()
            wanted.backward()
            of_generator.step()
    print(loss.item(), wanted.item())
