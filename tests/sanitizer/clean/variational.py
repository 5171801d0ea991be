import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

encoder, decoder = nn.Linear(8, 8), nn.Linear(4, 8)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])
for epoch in range(4):
    for inputs, _ in loader:
        mean, log_variance = encoder(inputs).chunk(2, dim=1)
        latent = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        again = torch.sigmoid(decoder(latent))
        likely = F.binary_cross_entropy(again, inputs.sigmoid(), reduction="sum")
        prior = -0.5 * (1 + log_variance - mean.pow(2) - log_variance.exp()).sum()
        loss = likely + prior
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
