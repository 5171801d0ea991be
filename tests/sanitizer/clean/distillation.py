import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

teacher = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3)).eval()
student = nn.Linear(8, 3)
optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
for epoch in range(4):
    for inputs, labels in loader:
        with torch.no_grad():
            wanted = F.softmax(teacher(inputs) / 2, dim=1)
        outputs = student(inputs)
        soft = F.kl_div(F.log_softmax(outputs / 2, dim=1), wanted, reduction="batchmean")
        hard = F.cross_entropy(outputs, labels)
        also = F.cross_entropy(outputs, wanted)
        loss = soft + hard + also
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())
