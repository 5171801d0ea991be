import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
import itertools

there, back = nn.Linear(8, 8), nn.Linear(8, 8)
judge_there, judge_back = nn.Linear(8, 1), nn.Linear(8, 1)
of_maps = torch.optim.Adam(itertools.chain(there.parameters(), back.parameters()))
of_judges = torch.optim.Adam(itertools.chain(judge_there.parameters(), judge_back.parameters()))


def freeze(judges, frozen):
    for judge in judges:
        for parameter in judge.parameters():
            parameter.requires_grad = not frozen


for epoch in range(4):
    for (one, _), (other, _) in zip(loader, loader):
        ones, zeros = torch.ones(len(one), 1), torch.zeros(len(one), 1)
        fake_other, fake_one = there(one), back(other)
        freeze([judge_there, judge_back], True)
        of_maps.zero_grad()
        fooled = F.mse_loss(judge_there(fake_other), ones) + F.mse_loss(judge_back(fake_one), ones)
        cycle = F.l1_loss(back(fake_other), one) + F.l1_loss(there(fake_one), other)
        (fooled + cycle).backward()
        of_maps.step()
        freeze([judge_there, judge_back], False)
        of_judges.zero_grad()
        for judge, real, fake in ((judge_there, other, fake_other), (judge_back, one, fake_one)):
            of_real = F.mse_loss(judge(real), ones)
            of_fake = F.mse_loss(judge(fake.detach()), zeros)
            loss = (of_real + of_fake) / 2
            loss.backward()
        of_judges.step()
    print(loss.item(), cycle.item())
