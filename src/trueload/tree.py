"""Nested batches: walk their leaves, and name one (`batch["image"][0]`).

A tree is any nesting of mappings, named tuples, tuples and lists; everything else is a leaf.
"""

from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Final

ATOMS: Final = frozenset({int, float, complex, bool, str, bytes, type(None)})
"""Types of leaves that cannot be changed, and that refer to nothing else."""

OPAQUE: Final = (type, FunctionType, MethodType, BuiltinFunctionType, ModuleType)
"""Types of code: what they hold is no data."""


def leaves(tree: Any, name: str = "batch") -> Iterator[tuple[str, Any]]:
    """Yield each leaf with its name, depth first, in the order of the containers."""
    for step, child in children(tree):
        yield from leaves(child, name + step)
    if is_leaf(tree):
        yield name, tree


def children(tree: Any) -> Iterator[tuple[str, Any]]:
    """Yield a container's direct children with their step in a name: `["image"]`, `[0]`, `.x`."""
    if isinstance(tree, Mapping):
        for key in tree:
            yield f"[{key!r}]".replace("'", '"'), tree[key]
    elif isinstance(tree, tuple) and hasattr(tree, "_fields"):
        for field in tree._fields:
            yield f".{field}", getattr(tree, field)
    elif isinstance(tree, (list, tuple)):
        for number, child in enumerate(tree):
            yield f"[{number}]", child


def is_leaf(tree: Any) -> bool:
    """Say whether a value is a leaf rather than a container."""
    return not isinstance(tree, (Mapping, list, tuple))


def dtype_name(dtype: Any) -> str:
    """Name a dtype as torch and NumPy both do: `float32`."""
    return str(dtype).removeprefix("torch.")


def describe(value: Any) -> str:
    """Describe a leaf in a few words: `(3, 224, 224) float32`, `str`, `None`."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is not None and dtype is not None:
        return f"{tuple(shape)} {dtype_name(dtype)}"
    return "None" if value is None else type(value).__name__
