"""A contract of a whole batch: declared, written and read, compared, and held against batches."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from trueload.contract.converting import convert
from trueload.contract.leaf import Difference, LeafContract
from trueload.contract.reading import ITEMS, read
from trueload.errors import ArgumentError, ContractError, render
from trueload.tree import children, is_leaf

_VERSION: Final = 1
_MOST_TOLD: Final = 3


class BatchContract:
    """What a batch must look like.

    A batch has these leaves and no others. Two contracts are equal if they say the same of the
    same leaves; `print` shows what a contract says.

    Args:
        batch: `LeafContract`s in the place of a batch's leaves. A list of something and `...`
            stands for one such item for each sample. A tuple means the same as a list.

    Raises:
        ArgumentError: There is something else in it (also a ValueError).
    """

    def __init__(self, batch: Any) -> None:
        self._leaves = dict(_declared(batch, "batch"))
        self._lists = _lists(self._leaves)

    @classmethod
    def from_leaves(cls, leaves: Mapping[str, LeafContract]) -> "BatchContract":
        """Make a contract of leaves by their paths, as `leaves` gives them."""
        contract = cls({})
        contract._leaves = dict(leaves)
        contract._lists = _lists(contract._leaves)
        return contract

    @property
    def leaves(self) -> dict[str, LeafContract]:
        """What is said of each leaf, by its path: `batch["image"]`, `batch[1][*]["boxes"]`."""
        return dict(self._leaves)

    def differences(self, batch: Any) -> list[Difference]:
        """Say where a batch is not what the contract says; nothing if it is."""
        sizes: dict[str, int] = {}
        found: list[Difference] = []
        seen: set[str] = set()
        for fact in read(batch, lambda path, _: path in self._lists):
            seen.add(fact.path)
            leaf = self._leaves.get(fact.path)
            if leaf is not None:
                found += leaf.differences(fact, sizes)
            elif not any(one.path == fact.path for one in found):
                found.append(Difference(fact.path, "leaf", f"is {fact.dtype}", "nothing of it"))
        missing = [
            Difference(path, "leaf", "is missing", str(leaf))
            for path, leaf in self._leaves.items()
            if path not in seen and not leaf.optional and ITEMS not in path
        ]
        return [*missing, *found]

    def check(self, batch: Any) -> None:
        """Refuse a batch that is not what the contract says.

        Raises:
            ContractError: It is not (also a ValueError).
        """
        found = self.differences(batch)
        if found:
            raise ContractError(broken(found))

    def convert(self, batch: Any) -> Any:
        """Make a batch what the contract says: other dtypes, and the channel at its other end.

        Each kind of change is told once, by the logger `trueload`. Values are never scaled.

        Returns:
            The batch, new where something had to be changed.

        Raises:
            ContractError: It is not what the contract says even so (also a ValueError).
        """
        made = convert(batch, self._leaves, self._lists)
        self.check(made)
        return made

    def compare(self, other: "BatchContract") -> list[str]:
        """Say in words where another contract says something else; nothing if it does not."""
        said: list[str] = []
        for path in [*self._leaves, *(path for path in other.leaves if path not in self._leaves)]:
            mine, others = self._leaves.get(path), other.leaves.get(path)
            if mine != others:
                one, two = (str(leaf) if leaf else "missing" for leaf in (mine, others))
                said.append(f"`{path}`: {one}; the other: {two}")
        return said

    def to_dict(self) -> dict[str, Any]:
        """Give the contract as plain values, for JSON."""
        told = {path: leaf.to_dict() for path, leaf in self._leaves.items()}
        return {"version": _VERSION, "leaves": told}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "BatchContract":
        """Read what `to_dict` gave.

        Raises:
            ArgumentError: It is something else (also a ValueError).
        """
        version = told.get("version") if isinstance(told, Mapping) else None
        if version != _VERSION or not isinstance(told.get("leaves"), Mapping):
            _refuse(f"this is no contract of version {_VERSION}, its version is {version!r}")
        return cls.from_leaves(
            {path: LeafContract.from_dict(leaf) for path, leaf in told["leaves"].items()}
        )

    def save(self, path: str | Path) -> None:
        """Write the contract into a file, as JSON that people can read and change."""
        text = json.dumps(self.to_dict(), indent=2) + "\n"
        Path(path).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "BatchContract":
        """Read a contract from a file that `save` wrote.

        Raises:
            ArgumentError: There is something else in it (also a ValueError).
            OSError: The file cannot be read.
        """
        try:
            told = json.loads(Path(path).read_text(encoding="utf-8"))
        except ValueError as error:
            _refuse(f"{path} is no contract: {error}")
        return cls.from_dict(told)

    def __eq__(self, other: object) -> bool:
        """Say whether another contract says the same of the same leaves."""
        if not isinstance(other, BatchContract):
            return NotImplemented
        return self._leaves == other._leaves

    def __hash__(self) -> int:
        """Give what is equal for equal contracts."""
        return hash(frozenset(self._leaves.items()))

    def __str__(self) -> str:
        """Show what the contract says, a line for each leaf."""
        width = max(map(len, self._leaves), default=0)
        return "\n".join(f"{path:<{width}}  {leaf}" for path, leaf in self._leaves.items())

    def __repr__(self) -> str:
        """Show the contract as its leaves."""
        return f"BatchContract.from_leaves({self._leaves!r})"


def broken(
    found: Sequence[Difference], facts: Iterable[tuple[str, str]] = (), hint: str = ""
) -> str:
    """Word that a batch is not what a contract says.

    Args:
        found: Where; not empty.
        facts: What else is known of the batch.
        hint: One way out, if the difference knows none.
    """
    first, *others = found
    also = [("also", str(one)) for one in others[:_MOST_TOLD]]
    return render(str(first), "TL430", [*facts, *also], first.hint or hint)


def _declared(part: Any, path: str) -> Iterator[tuple[str, LeafContract]]:
    if isinstance(part, (list, tuple)) and len(part) == 2 and part[1] is ...:  # noqa: PLR2004
        yield from _declared(part[0], path + ITEMS)
    elif isinstance(part, LeafContract):
        yield path, part
    elif is_leaf(part):
        _refuse(f"`{path}` of a contract must be a LeafContract, got {part!r}")
    else:
        for step, child in children(part):
            yield from _declared(child, path + step)


def _lists(paths: Iterable[str]) -> frozenset[str]:
    """Give the paths of the lists that have one item for each sample."""
    return frozenset(
        path[:place]
        for path in paths
        for place in range(len(path))
        if path.startswith(ITEMS, place)
    )


def _refuse(title: str) -> NoReturn:
    raise ArgumentError(render(title, "TL105"))
