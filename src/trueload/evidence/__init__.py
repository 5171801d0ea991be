"""What was seen of a run: neutral facts that instruments write and checks read.

    facts.py    what exists: loaders, root modules, parameters, optimizers
    events.py   what happened, in order: fetches, forwards, backwards, steps, ...
    data.py     what was seen of samples: orders, labels, contents, what loaders share
    memory.py   what was seen of the memory of datasets, samples and batches
    making.py   what was seen of how batches are made
    graph.py    what a loss was computed from, near the loss
    run.py      all of it together, bounded however long the run is
    footage.py  what only the HTML page shows: pictures of batches, scalars of steps

Nothing here imports torch or numpy, and nothing here holds a tensor or a module of the user's:
whatever must be measured is measured while the run goes on, by `trueload.sanitizer`. So a check
can be tried on facts written by hand, and a run costs the same memory after a million steps.
"""

from trueload.evidence.data import (
    Contents,
    Data,
    Labels,
    Order,
    PrivateGenerator,
    Shared,
)
from trueload.evidence.events import (
    Acting,
    Backward,
    Clip,
    EpochBegun,
    EpochEnded,
    Event,
    Fetch,
    FetchAfterEnd,
    FirstLayer,
    Forward,
    Gradient,
    Leaf,
    Rate,
    Step,
)
from trueload.evidence.facts import Loader, Module, Optimizer, Parameter
from trueload.evidence.graph import Graph, Hazard, Node
from trueload.evidence.memory import Changed, Mapped, Reused, Written
from trueload.evidence.run import Crash, Examined, Run

__all__ = [
    "Acting",
    "Backward",
    "Changed",
    "Clip",
    "Contents",
    "Crash",
    "Data",
    "EpochBegun",
    "EpochEnded",
    "Event",
    "Examined",
    "Fetch",
    "FetchAfterEnd",
    "FirstLayer",
    "Forward",
    "Gradient",
    "Graph",
    "Hazard",
    "Labels",
    "Leaf",
    "Loader",
    "Mapped",
    "Module",
    "Node",
    "Optimizer",
    "Order",
    "Parameter",
    "PrivateGenerator",
    "Rate",
    "Reused",
    "Run",
    "Shared",
    "Step",
    "Written",
]
