import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)
text = torch.randint(0, 256, (2000,))


class Chunks(Dataset):
    def __len__(self):
        return 60

    def __getitem__(self, index):
        piece = text[index * 32 : index * 32 + 33]
        return piece[:-1], piece[1:]


loader = DataLoader(Chunks(), batch_size=4)
model = nn.Sequential(nn.Embedding(256, 16), nn.Linear(16, 256))
optimizer = torch.optim.AdamW(model.parameters())
for epoch in range(3):
    for context, following in loader:
        loss = F.cross_entropy(model(context).view(-1, 256), following.view(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
