import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler, TensorDataset

torch.manual_seed(0)
table = torch.randn(64, 9, dtype=torch.float64)


class Table(Dataset):
    def __len__(self):
        return 64

    def __getitem__(self, index):
        return table[index, :8].float(), table[index, 8:]


model = nn.Linear(8, 1)
optimizer = torch.optim.Adam(model.parameters())
for inputs, targets in DataLoader(Table(), batch_size=8):
    loss = F.mse_loss(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(loss.item())
