"""A batch that is not like those before it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Departure:
    """Something in a batch that was otherwise in those before it, or that cannot be meant.

    Attributes:
        code: The code of the message.
        path: The leaf: `batch["image"]`.
        title: What is told, in one clause with the values.
        facts: Pairs of a short name and what was measured.
        hint: One way out, or nothing.
        where: What the caller said of the batch.
        row: The row of the sample to blame, or `None`.
        harmless: Whether it is often on purpose.
    """

    code: str
    path: str
    title: str
    facts: tuple[tuple[str, str], ...]
    hint: str
    where: Any
    row: int | None = None
    harmless: bool = False
