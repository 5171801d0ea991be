"""Which findings are wanted: what the user selected, ignored, or marked in a line.

A line of code says `# trueload: ignore[TL701]`, or `# trueload: ignore` for every check. Selections
are codes, beginnings of codes (`TL7`) or names; `pyproject.toml` has them under `[tool.trueload]`.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from trueload.checks.base import Check
from trueload.checks.registry import CHECKS
from trueload.errors import ArgumentError, render
from trueload.findings import Finding

_MARK = re.compile(r"#\s*trueload:\s*ignore(?:\[(?P<codes>[^\]]*)\])?")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which checks look, and which of their findings are shown.

    Attributes:
        select: Codes, beginnings of codes or names; nothing means all.
        ignore: What to leave out of these.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what names no check: a slip would silence nothing, or everything."""
        for name in (*self.select, *self.ignore):
            if not any(_means(name, check) for check in CHECKS.values()):
                title = f"no check is named {name!r}"
                hint = "use a code such as TL701, its beginning, or a name such as missing-step"
                raise ArgumentError(render(title, "TL105", hint=hint))

    def checks(self) -> list[type[Check]]:
        """Give the checks that are to look."""
        return [
            check
            for check in CHECKS.values()
            if (not self.select or any(_means(name, check) for name in self.select))
            and not any(_means(name, check) for name in self.ignore)
        ]


def unmarked(findings: Iterable[Finding]) -> list[Finding]:
    """Leave out the findings whose own line says that they are to be ignored."""
    return [finding for finding in findings if not _is_marked(finding)]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a project has under `[tool.trueload]`.

    Attributes:
        select: Codes, beginnings of codes or names.
        ignore: What to leave out of these.
        baseline: The file of what is known already.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    baseline: Path | None = None


def settings(folder: Path) -> Settings:
    """Read the settings in the nearest `pyproject.toml` above a folder.

    Raises:
        ArgumentError: The file has something else there (also a ValueError).
    """
    for above in (folder, *folder.parents):
        file = above / "pyproject.toml"
        if file.is_file():
            return _read(file)
    return Settings()


def _read(file: Path) -> Settings:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("trueload", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return Settings()
    for name, value in table.items():
        texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
        known = texts if name in {"select", "ignore"} else isinstance(value, str)
        if name not in {"select", "ignore", "baseline"} or not known:
            title = f"`[tool.trueload]` has {name} = {value!r}"
            facts = [("file", str(file))]
            hint = "it takes `select` and `ignore`, lists of codes or names, and `baseline`, a file"
            raise ArgumentError(render(title, "TL105", facts, hint))
    return Settings(
        select=tuple(table.get("select", ())),
        ignore=tuple(table.get("ignore", ())),
        baseline=file.parent / table["baseline"] if "baseline" in table else None,
    )


def _means(name: str, check: type[Check]) -> bool:
    return check.code.startswith(name.upper()) or check.name == name.lower()


def _is_marked(finding: Finding) -> bool:
    mark = _MARK.search(finding.place.source) if finding.place is not None else None
    if mark is None:
        return False
    codes = mark["codes"]
    listed = [] if codes is None else [code.strip().lower() for code in codes.split(",")]
    return codes is None or finding.code.lower() in listed or finding.name in listed
