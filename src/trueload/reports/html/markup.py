"""Elements of a page, with all text escaped by construction."""

from collections.abc import Iterable
from html import escape
from typing import Final

_EMPTY: Final = {"meta", "img", "rect", "path", "line", "br"}
Child = str | Iterable[str]


class Markup(str):
    """Text that is markup already, and is not escaped again."""

    __slots__ = ()


def element(tag: str, *children: Child | None, **attributes: object) -> Markup:
    """Make an element.

    Args:
        tag: Its name.
        children: Markup, text to be escaped, or several of them; `None` is left out.
        attributes: `class_` is `class`, `view_box` is `view-box`; those of `None` are left out.
    """
    named = "".join(
        f' {_name(name)}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _EMPTY and not children:
        return Markup(f"<{tag}{named}>" if tag in {"meta", "img", "br"} else f"<{tag}{named}/>")
    return Markup(f"<{tag}{named}>{joined(*children)}</{tag}>")


def joined(*children: Child | None) -> Markup:
    """Put markup and text behind one another."""
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        several = [child] if isinstance(child, str) else list(child)
        parts += [one if isinstance(one, Markup) else escape(one, quote=False) for one in several]
    return Markup("".join(parts))


def _name(name: str) -> str:
    return "viewBox" if name == "view_box" else name.rstrip("_").replace("_", "-")


def number(value: float) -> str:
    """Write a number in at most four digits: `0.0123`, `1.2e-07`, `NaN`."""
    if value != value:  # noqa: PLR0124 - true of NaN alone
        return "NaN"
    return f"{value:.3g}"


def duration(seconds: float) -> str:
    """Write a time in the unit that suits it: `12.3 ms`."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"
