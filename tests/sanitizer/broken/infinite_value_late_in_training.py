import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Rows(Dataset):
    def __init__(self):
        self.rows = torch.randn(800, 8)
        self.rows[700, 3] = float("inf")

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return {"row": self.rows[index], "target": self.rows[index, :1]}


class Trainer:
    def __init__(self, model, loader):
        self.model, self.loader = model, loader
        self.optimizer = torch.optim.Adam(model.parameters())

    def fit(self):
        for batch in self.loader:  # expect: TL401
            loss = F.mse_loss(self.model(batch["row"]), batch["target"])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            print(loss.item())


Trainer(nn.Linear(8, 1), DataLoader(Rows(), batch_size=8)).fit()
