import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
mask = torch.zeros(64, 6)
mask[:, 4:] = float("-inf")
data = TensorDataset(torch.randn(64, 6, 8), mask, torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=8, shuffle=True)
attention, head = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 3)
optimizer = torch.optim.Adam([*attention.parameters(), *head.parameters()])
for epoch in range(3):
    for inputs, ignored, labels in loader:
        seen, _ = attention(inputs, inputs, inputs, key_padding_mask=ignored, need_weights=False)
        loss = F.cross_entropy(head(seen.mean(1)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
