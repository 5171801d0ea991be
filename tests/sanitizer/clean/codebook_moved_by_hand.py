import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)


class Quantized(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(8, 4)
        self.decoder = nn.Linear(4, 8)
        self.codes = nn.Embedding(16, 4)

    def forward(self, x):
        latent = self.encoder(x)
        with torch.no_grad():
            nearest = torch.cdist(latent, self.codes.weight).argmin(1)
            chosen = self.codes(nearest)
            for code in nearest.unique():
                mean = latent[nearest == code].mean(0)
                self.codes.weight.data[code].lerp_(mean, 0.1)
        near = F.mse_loss(latent, chosen)
        return self.decoder(latent + (chosen - latent).detach()), near


model = Quantized()
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(4):
    for inputs, _ in loader:
        again, near = model(inputs)
        loss = F.mse_loss(again, inputs) + 0.25 * near
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
