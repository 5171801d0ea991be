"""Run the benchmarks, each in a program of its own, and show what they found.

    python benchmarks/run.py                          # all; some minutes
    python benchmarks/run.py inline state --quick     # some, roughly
    python benchmarks/run.py --write-readme           # and put tables where they are read

A short table goes into README.md, with the figures that matter most, and one with all figures into
benchmarks/README.md.

With `--json`, one line of JSON is printed for each benchmark instead of its table.
"""

import argparse
import datetime as dt
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import HEAD, Row, amount, cells, factor, options, spread, table

BENCHMARKS = (
    *("inline", "sampling", "randomness", "memory", "contract", "accounting", "state", "endless"),
    *("preflight", "workers", "turnover", "sharing", "peers", "watch"),
)
"""In the order in which they run."""

BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"
_HERE = Path(__file__).parent
_README = _HERE.parent / "README.md"
_ALL_FIGURES = _HERE / "README.md"
_SIDES = ["---"] * 3 + ["--:"] * 6 + ["---"]
_WRONG_USE = 2


def main() -> int:
    """Run what the command line asks for."""
    chosen = _parser().parse_args()
    if chosen.write_readme:
        complaint = unwritable(chosen.write_readme)
        if complaint:
            print(complaint, file=sys.stderr)
            return _WRONG_USE
    found = []
    for name in chosen.names or BENCHMARKS:
        found.append(_run(name, chosen))
        print(json.dumps(found[-1]) if chosen.json else _shown(found[-1]), flush=True)
    if chosen.write_readme:
        write(chosen.write_readme, summary(found, _command(chosen)))
        if chosen.write_readme == _README:
            write(_ALL_FIGURES, full(found, _command(chosen)))
    return 0


def unwritable(readme: Path) -> str:
    """Say why no table can be put into a file, before minutes are spent on it."""
    if not readme.is_file():
        return f"the table was not written: there is no file {readme.name}"
    text = readme.read_text(encoding="utf-8")
    if text.count(BEGIN) == text.count(END) == 1 and text.index(BEGIN) < text.index(END):
        return ""
    hint = "hint: put each on a line of its own, once"
    return f"{readme.name} has no place for the table, between {BEGIN} and {END}\n\n{hint}"


def write(readme: Path, summed_up: str) -> None:
    """Put the table between the two marks, and leave the rest as it is."""
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    readme.write_text(f"{before}{BEGIN}\n{summed_up}\n{END}{after}", encoding="utf-8")


def summary(found: Sequence[dict[str, Any]], command: str) -> str:
    """Give the figures that matter most as a Markdown table."""
    lines = ["| | beside | theirs | trueload | times less |", "|---|---|--:|--:|--:|"]
    for one in found:
        rows = (Row(**row) for row in one["rows"])
        lines += [_line(one["benchmark"], row) for row in rows if row.headline]
    return "\n".join([*lines, "", _made(found, command)])


def full(found: Sequence[dict[str, Any]], command: str) -> str:
    """Give all figures as Markdown tables, one a benchmark."""
    lines = [_made(found, command)]
    for one in found:
        rows = [cells(Row(**row)) for row in one["rows"]]
        lines += ["", f"### {one['benchmark']}", "", *map(_across, [HEAD, _SIDES, *rows])]
    return "\n".join(lines)


def _made(found: Sequence[dict[str, Any]], command: str) -> str:
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    return (
        f"Medians of paired repeats in one run, with the 10th to 90th percentile of the ratio, "
        f"{today}, {found[0]['machine']}: `{command}`"
    )


def _across(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _line(name: str, row: Row) -> str:
    ratio = "" if row.ratio is None else f"{factor(row.ratio)} ({spread(row)})"
    quantity = "" if row.quantity == "wall" else f", {row.quantity}"
    case = [f"{name}: {row.case}{quantity}", row.against, amount(row.base, row.quantity)]
    return _across([*case, amount(row.ours, row.quantity), ratio])


def _parser() -> argparse.ArgumentParser:
    parser = options(__doc__ or "")
    known = ", ".join(BENCHMARKS)
    parser.add_argument("names", nargs="*", type=_known, metavar="NAME", help=f"of {known}")
    parser.add_argument(
        "--write-readme",
        type=Path,
        nargs="?",
        const=_README,
        metavar="FILE",
        help="put a short table into this file (default: README.md)",
    )
    return parser


def _command(chosen: argparse.Namespace) -> str:
    """Give the command that makes these figures again."""
    words = ["python benchmarks/run.py", *chosen.names, *["--quick"] * chosen.quick]
    words += [f"--only {chosen.only!r}"] * bool(chosen.only)
    words += [f"--repeats {chosen.repeats}"] * bool(chosen.repeats)
    words += [f"--threads {chosen.threads}"] * (chosen.threads != 1)
    return " ".join(words)


def _known(name: str) -> str:
    if name not in BENCHMARKS:
        message = f"{name!r} is none of {', '.join(BENCHMARKS)}"
        raise argparse.ArgumentTypeError(message)
    return name


def _run(name: str, chosen: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, str(_HERE / f"{name}.py"), "--json"]
    command += ["--quick"] * chosen.quick + [f"--threads={chosen.threads}"]
    command += [f"--only={chosen.only}"] * bool(chosen.only)
    command += [f"--repeats={chosen.repeats}"] * bool(chosen.repeats)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def _shown(one: dict[str, Any]) -> str:
    rows = [Row(**row) for row in one["rows"]]
    return f"{one['benchmark']}: {one['machine']}\n\n{table(rows)}\n"


if __name__ == "__main__":
    sys.exit(main())
