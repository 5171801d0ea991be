import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
import copy

student = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
teacher = copy.deepcopy(student)
optimizer = torch.optim.SGD(student.parameters(), lr=0.1, momentum=0.9)
for epoch in range(4):
    for inputs, labels in loader:
        with torch.no_grad():
            wanted = teacher(inputs + 0.1 * torch.randn_like(inputs)).softmax(1)
        outputs = student(inputs)
        loss = F.cross_entropy(outputs, labels) + F.mse_loss(outputs.softmax(1), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for slow, quick in zip(teacher.parameters(), student.parameters()):
                slow.lerp_(quick, 0.01)
    print(loss.item())
