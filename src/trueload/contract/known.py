"""What is known of one leaf from the batches before: its dtype and its shape."""

from typing import Any, Final

from trueload.contract.departure import Departure
from trueload.contract.leaf import Axis, LeafContract, shown
from trueload.contract.pictures import FIRST, layout_of
from trueload.contract.reading import Fact
from trueload.errors import several

_SURE: Final = 8
_FLOATS: Final = frozenset({"float16", "bfloat16", "float32", "float64"})
_BATCH: Final = "batch"


class Known:
    """What is known of one leaf.

    Args:
        fact: The leaf in the first batch that had it.
        batches: How many batches there were before.
        leads: Whether its first axis is that of the samples.

    Attributes:
        since: How many batches there were before the first that had it.
        optional: Whether there have been batches without it.
        strays: How many batches in a row were told to be otherwise.
    """

    def __init__(self, fact: Fact, batches: int, *, leads: bool) -> None:
        self.since, self.optional, self.strays = batches, batches > 0, 0
        self._meet(fact, leads=leads)

    def _meet(self, fact: Fact, *, leads: bool) -> None:
        self.dtype: str | None = fact.dtype
        self.leads, self.is_tensor = leads, fact.shape is not None
        self.shape: tuple[Axis, ...] | None = None
        if fact.shape is not None:
            self.shape = (_BATCH, *fact.shape[1:]) if leads else fact.shape

    def fits(self, fact: Fact, *, leads: bool) -> bool:
        """Say whether the leaf of another batch is what is known: nothing need be done then."""
        known, shape = self.shape, fact.shape
        if fact.dtype != self.dtype or known is None or shape is None or len(known) != len(shape):
            return False
        if self.strays or leads != self.leads:
            return False
        pairs = zip(known[leads:], shape[leads:], strict=True)
        return all(axis is None or axis == size for axis, size in pairs)

    def departure(
        self, fact: Fact, batches: int, where: Any, *, size: int | None
    ) -> Departure | None:
        """Say in what the leaf of another batch is not like those before, if that must be told.

        Args:
            fact: The leaf.
            batches: How many batches there were before.
            where: What is given back with the departure.
            size: How many samples the batch has, or `None`.
        """
        before = batches - self.since
        if fact.shape is not None and 0 in fact.shape:
            return None
        return self._other_dtype(fact, before, where) or self._other_shape(
            fact, before, where, size
        )

    def _other_dtype(self, fact: Fact, before: int, where: Any) -> Departure | None:
        known = self.dtype
        if known in {None, fact.dtype} or not self.is_tensor or fact.shape is None:
            return None
        pair = {known, fact.dtype}
        silent = pair <= _FLOATS or ("uint8" in pair and pair & _FLOATS)
        if before < (1 if silent else _SURE):
            return None
        title = f"`{fact.path}` is {fact.dtype}, and was {known} in {_batches(before)} before"
        facts = (("effect", _EFFECT),)
        return Departure("TL422", fact.path, title, facts, _hint(pair), where, fact.row)

    def _other_shape(
        self, fact: Fact, before: int, where: Any, size: int | None
    ) -> Departure | None:
        known, shape = self.shape, fact.shape
        if known is None or shape is None:
            return None
        if len(shape) == len(known):
            if not before or fact.row is not None or not self._is_turned(shape):
                return None
            wanted, found = layout_of(known[1:]), layout_of(shape[1:])
            title = f"`{fact.path}` has its {found}, and had its {wanted} "
            title += f"in {_batches(before)} before"
            title = title.replace("channels", "channel")
            axes = "0, 3, 1, 2" if wanted == FIRST else "0, 2, 3, 1"
            facts = (("shape", shown(shape)), ("before", shown(known)))
            hint = f"put the channel where it was: `x.permute({axes})`"
            return Departure("TL405", fact.path, title, facts, hint, where)
        squeezed = self.leads and _is_squeezed(known, shape, size)
        if before < (1 if squeezed else _SURE):
            return None
        title = f"`{fact.path}` is {shown(shape)}, and was {shown(known)} "
        title += f"in {_batches(before)} before"
        hint = _SQUEEZED if squeezed else "give every batch the same axes"
        facts = (("effect", _BROADCAST if squeezed else ""),)
        return Departure("TL423", fact.path, title, facts, hint, where, fact.row)

    def _is_turned(self, shape: tuple[int, ...]) -> bool:
        known = self.shape or ()
        return None not in {layout_of(known[1:]), layout_of(shape[1:])} and (
            layout_of(known[1:]) != layout_of(shape[1:])
        )

    def learn(self, fact: Fact, *, leads: bool) -> None:
        """Take in what the leaf of another batch looks like: what differs is free from now on."""
        self.strays = 0
        if fact.shape is not None and 0 in fact.shape:
            return
        if self.dtype != fact.dtype:
            self.dtype = None
        self.leads = self.leads and leads
        known, shape = self.shape, fact.shape
        if known is None or shape is None or len(known) != len(shape):
            self.shape = None
        elif known != shape:
            self.shape = tuple(
                one if one == other or (axis == 0 and self.leads) else None
                for axis, (one, other) in enumerate(zip(known, shape, strict=True))
            )

    def stray(self, fact: Fact, *, leads: bool) -> None:
        """Note that the leaf was told to be otherwise; what stays so is how it is."""
        self.strays += 1
        if self.strays == _SURE:
            self.strays = 0
            self._meet(fact, leads=leads)

    def contract(self, **more: Any) -> LeafContract:
        """Give what is known as a contract, with more that is known of its values."""
        return LeafContract(self.dtype, self.shape, optional=self.optional, **more)


def _is_squeezed(known: tuple[Axis, ...], shape: tuple[int, ...], size: int | None) -> bool:
    """Say whether a column was made flat or the reverse, or a lone sample lost the batch's axis."""
    if size == 1 and shape == known[1:]:
        return True
    one, other = (known, shape) if len(known) < len(shape) else (shape, known)
    return len(one) == 1 and len(other) == 2 and other[1] == 1  # noqa: PLR2004 - a column


def _batches(count: int) -> str:
    return several(count, "batch")


def _hint(dtypes: set[Any]) -> str:
    if "uint8" in dtypes:
        return "scale and cast every sample alike, such as `x.float() / 255`"
    if "float64" in dtypes and dtypes <= _FLOATS:
        return "make it float32 in the dataset: `.astype(np.float32)` or `.float()`"
    return "return one type from `__getitem__`, such as `float(x)`"


_EFFECT: Final = "the dtype of a batch depends on which samples come together"
_BROADCAST: Final = "a loss may compare each prediction with each target"
_SQUEEZED: Final = "name the axis that goes away, `x.squeeze(1)`, and let the batch keep its own"
