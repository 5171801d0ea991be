import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)

model = nn.Linear(8, 3)
parameters = {name: p.detach() for name, p in model.named_parameters()}


def loss_of(parameters, inputs, labels):
    return F.cross_entropy(torch.func.functional_call(model, parameters, (inputs,)), labels)


for epoch in range(4):
    for inputs, labels in loader:
        slopes, loss = torch.func.grad_and_value(loss_of)(parameters, inputs, labels)
        parameters = {n: p - 0.1 * slopes[n] for n, p in parameters.items()}
    print(loss.item())
# A pass of the classic kind at the end, for a picture of the input that matters.
inputs.requires_grad_()
loss_of(parameters, inputs, labels).backward()
print(inputs.grad.norm().item())
