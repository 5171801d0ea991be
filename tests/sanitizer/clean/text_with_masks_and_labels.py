import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler, Subset, TensorDataset

torch.manual_seed(0)
tokens = torch.randint(5, 100, (48, 12))
lengths = torch.randint(6, 13, (48,))


class Texts(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        mask = torch.arange(12) < lengths[row]
        return {
            "input_ids": tokens[row] * mask,
            "attention_mask": mask.long(),
            "labels": tokens[row] % 2,
        }


train_loader = DataLoader(Texts(range(36)), batch_size=6, shuffle=True)
eval_loader = DataLoader(Texts(range(36, 48)), batch_size=6)


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(100, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.head = nn.Linear(16, 2)

    def forward(self, input_ids, attention_mask, labels):
        states = self.layer(self.embed(input_ids), src_key_padding_mask=attention_mask == 0)
        outputs = self.head(states)
        wanted = labels.masked_fill(attention_mask == 0, -100)
        return F.cross_entropy(outputs.flatten(0, 1), wanted.flatten()), outputs


model = Reader()
optimizer = torch.optim.AdamW(model.parameters())
for epoch in range(3):
    model.train()
    for batch in train_loader:
        loss, _ = model(**batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    with torch.inference_mode():
        print(loss.item(), sum(model(**batch)[0].item() for batch in eval_loader))
