import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

embedding, head = nn.Embedding(50, 8, sparse=True), nn.Linear(8, 3)
of_embedding = torch.optim.SparseAdam(embedding.parameters())
of_head = torch.optim.Adam(head.parameters())
words = torch.randint(0, 50, (64, 5))
loader = DataLoader(TensorDataset(words, data.tensors[1]), batch_size=16, shuffle=True)
for epoch in range(4):
    for inputs, labels in loader:
        of_embedding.zero_grad()
        of_head.zero_grad()
        loss = F.cross_entropy(head(embedding(inputs).mean(1)), labels)
        loss.backward()
        of_embedding.step()
        of_head.step()
    print(loss.item())
