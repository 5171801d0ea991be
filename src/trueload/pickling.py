"""Find the part of an object that keeps all of it from being pickled."""

import io
import pickle
from collections.abc import Callable, Iterable
from typing import IO, Any

Make = Callable[[IO[bytes]], pickle.Pickler]
"""Makes a pickler that writes to a file."""

Parts = Callable[[Any], Iterable[tuple[str, Any]]]
"""Gives what an object holds, with the steps in a name: `.file`, `[0]`."""


def failure_of(thing: Any, make: Make) -> str:
    """Give what pickling a thing raises, or nothing."""
    try:
        make(io.BytesIO()).dump(thing)
    except Exception as error:
        return words_of(error)
    return ""


def words_of(error: Exception) -> str:
    """Give an exception in the words by which it is known again."""
    return f"{type(error).__name__}: {error}"


def innermost(thing: Any, words: str, make: Make, parts: Parts, most: int) -> tuple[list[str], Any]:
    """Go down to the part that raises by itself what the whole raises.

    Args:
        thing: The whole.
        words: What pickling it raises.
        make: Makes the pickler.
        parts: Gives the parts of a thing.
        most: How many parts are tried.

    Returns:
        The steps that lead to it, and the part.
    """
    steps: list[str] = []
    tries = 0
    while True:
        for step, part in parts(thing):
            tries += 1
            if tries > most:
                return steps, thing
            if failure_of(part, make) == words:
                steps.append(step)
                thing = part
                break
        else:
            return steps, thing
