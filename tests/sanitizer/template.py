"""Loaded once into the process that those of the scripts are forked from, so that each is quick."""

import torch

import trueload.sanitizer.script

assert trueload.sanitizer.script
# The first step of an optimizer imports half of torch's compiler.
torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1).step()
