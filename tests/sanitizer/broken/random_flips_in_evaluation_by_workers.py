import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler, TensorDataset

torch.manual_seed(0)


class Signals(Dataset):
    def __init__(self, count, train):
        self.signals, self.labels = torch.randn(count, 1, 16), torch.randint(0, 4, (count,))
        self.train = train

    def __len__(self):
        return len(self.signals)

    def __getitem__(self, index):
        signal = self.signals[index]
        if torch.rand(()) < 0.5:
            signal = signal.flip(-1)
        return {"signal": signal, "label": self.labels[index]}


def main():
    train_loader = DataLoader(Signals(64, True), 8, shuffle=True, num_workers=2)
    val_loader = DataLoader(Signals(32, False), 8, num_workers=2)  # expect: TL906
    model = nn.Sequential(nn.Conv1d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(56, 4))
    optimizer = torch.optim.AdamW(model.parameters())
    for epoch in range(2):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(batch["signal"]), batch["label"])
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = 0
            for batch in val_loader:
                right += (model(batch["signal"]).argmax(1) == batch["label"]).sum().item()
        print(loss.item(), right)


if __name__ == "__main__":
    main()
