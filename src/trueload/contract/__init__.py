"""What a batch must look like, declared or learned.

A contract says for each leaf of a batch: dtype, shape, range, whether its values are finite. It
knows batches and nothing of loaders: what becomes of a batch that leaves it is not decided here.
"""

from trueload.contract.batch import BatchContract
from trueload.contract.leaf import LeafContract

__all__ = ["BatchContract", "LeafContract"]
