import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler, TensorDataset

torch.manual_seed(0)
table = torch.randn(64, 9)
table[13, 8] = float("nan")


class Table(Dataset):
    def __len__(self):
        return 64

    def __getitem__(self, index):
        return {"features": table[index, :8], "price": table[index, 8:]}


def train(loader, model):
    optimizer = torch.optim.Adam(model.parameters())
    for epoch in range(3):
        for number, batch in enumerate(loader):  # expect: TL401
            optimizer.zero_grad()
            loss = F.mse_loss(model(batch["features"]), batch["price"])
            loss.backward()
            optimizer.step()
        print(loss.item())


train(DataLoader(Table(), batch_size=8, shuffle=True), nn.Linear(8, 1))
