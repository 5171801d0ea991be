"""Which functions run as another text than the file now has: edited since they were imported.

The file is compiled and its functions are compared with those that are loaded, by name. That lines
have moved, or that a docstring is another one, does not count. No record of the past is needed, so
this holds for any process at any time.

    for function in trueload.stale_functions():
        print(function)  # train.py:41 in Photos.__getitem__ is not what the file says

What is not compared: values that a module has computed, such as constants, and the code that runs
once as it is imported. Installed packages are left alone, and so are modules that some tool
rewrites as they are imported: of them, the text says nothing.
"""

import ast
import dis
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from trueload.errors import is_installed, is_ours

_MOST_CELLS: Final = 16


@dataclass(frozen=True, slots=True)
class StaleFunction:
    """A function whose loaded code is not what its file says.

    Attributes:
        module: The name of its module.
        name: Its qualified name.
        file: The file of the module.
        line: Where it began when it was imported.
        is_gone: Whether the file no longer has a function of this name.
    """

    module: str
    name: str
    file: str
    line: int
    is_gone: bool = False

    def __str__(self) -> str:
        what = "is no longer in the file" if self.is_gone else "is not what the file says"
        return f"{Path(self.file).name}:{self.line} in {self.name} {what}"


def stale_functions(*modules: ModuleType) -> list[StaleFunction]:
    """Give the functions whose loaded code is not what their file says.

    Args:
        modules: Where to look; if left out, in all that are loaded and not installed.

    Example:
        >>> import trueload
        >>> trueload.stale_functions()
        []
    """
    chosen = modules or [one for one in list(sys.modules.values()) if is_users(one)]
    found = [one for module in dict.fromkeys(chosen) for one in _stale_in(module)]
    return list(dict.fromkeys(found))


def is_users(module: Any) -> bool:
    """Say whether a module is one of the user's, loaded from its text as it is."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py"):
        return False
    if is_installed(file) or is_ours(file):
        return False
    loader = getattr(module, "__loader__", None)
    return loader is None or type(loader) is SourceFileLoader


def _stale_in(module: ModuleType) -> Iterator[StaleFunction]:
    file = getattr(module, "__file__", None) or ""
    try:
        text = Path(file).read_bytes()
        tree = ast.parse(text, file)
        written = dict[str, list[CodeType]]()
        for code in _codes(compile(text, file, "exec", dont_inherit=True)):
            written.setdefault(code.co_qualname, []).append(code)
    except (OSError, SyntaxError, ValueError):
        return  # nothing can be said of a file that is gone, or half saved
    defaults = dict[str, list[ast.arguments]]()
    for name, arguments in _defaults(tree, ""):
        defaults.setdefault(name, []).append(arguments)
    for function in _functions(module, file):
        code = function.__code__
        same = written.get(code.co_qualname, [])
        if not same and "<locals>" in code.co_qualname:
            continue  # made by another function, which is told, or out of no file at all
        known = defaults.get(code.co_qualname, [])
        is_same = any(_is_same(code, one) for one in same)
        if not is_same or (known and all(_differs(function, one) for one in known)):
            line = code.co_firstlineno
            name = module.__name__
            yield StaleFunction(name, code.co_qualname, file, line, is_gone=not same)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


# What is loaded.


def _functions(module: ModuleType, file: str) -> Iterator[FunctionType]:
    """Yield the functions of a module and of its classes, also those under decorators."""
    seen: set[int] = set()
    row: list[Any] = list(vars(module).values())
    while row:
        thing = row.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        kind = type(thing)  # `isinstance` would ask a proxy for its `__class__`
        if kind is FunctionType:
            if thing.__code__.co_filename == file:
                yield thing
            row += _under(thing)
        elif issubclass(kind, type):
            if getattr(thing, "__module__", None) == module.__name__:
                row += vars(thing).values()
        else:
            row += _inside(thing)


def _under(function: FunctionType) -> Iterable[Any]:
    """Give what a decorator has put away: as the wrapped one, or as a variable of its own."""
    cells = (function.__closure__ or ())[:_MOST_CELLS]
    held = [cell.cell_contents for cell in cells if _is_filled(cell)]
    own = [one for one in held if isinstance(one, FunctionType)]
    return [*own, getattr(function, "__wrapped__", None)]


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - raises where there is nothing yet
    except ValueError:
        return False
    return True


def _inside(thing: Any) -> Iterable[Any]:
    kind = type(thing)
    if kind in {staticmethod, classmethod, MethodType}:
        return [thing.__func__]
    if kind is property:
        return [thing.fget, thing.fset, thing.fdel]
    if kind.__module__ == "functools":
        return [getattr(thing, name, None) for name in ("__wrapped__", "func")]
    return []


# Whether two are the same.


def _is_same(one: CodeType, other: CodeType) -> bool:
    same = (
        one.co_argcount == other.co_argcount
        and one.co_posonlyargcount == other.co_posonlyargcount
        and one.co_kwonlyargcount == other.co_kwonlyargcount
        and one.co_varnames == other.co_varnames
        and one.co_freevars == other.co_freevars
        and one.co_cellvars == other.co_cellvars
    )
    if not same:
        return False
    alike = one.co_code == other.co_code and one.co_names == other.co_names
    if alike and _are_equal(one.co_consts, other.co_consts):
        return True  # the usual case, and quick
    steps = zip(_steps(one), _steps(other), strict=False)
    return len(one.co_code) == len(other.co_code) and all(
        name == other_name and _are_equal(value, other_value)
        for (name, value), (other_name, other_value) in steps
    )


def _steps(code: CodeType) -> Iterator[tuple[str, Any]]:
    """Yield instructions with what they refer to: a docstring is referred to by none."""
    for step in dis.get_instructions(code):
        yield step.opname, step.argval


def _are_equal(one: Any, other: Any) -> bool:
    if isinstance(one, CodeType) and isinstance(other, CodeType):
        return _is_same(one, other)
    if type(one) is not type(other):
        return False
    if isinstance(one, frozenset):  # whose order differs from process to process
        return sorted(map(repr, one)) == sorted(map(repr, other))
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_are_equal, one, other))
    return repr(one) == repr(other)  # 0.0 is not -0.0


# Defaults of arguments, which are no part of the code.


def _defaults(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.arguments]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield prefix + child.name, child.args
            yield from _defaults(child, f"{prefix}{child.name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from _defaults(child, f"{prefix}{child.name}.")
        else:
            yield from _defaults(child, prefix)


def _differs(function: FunctionType, written: ast.arguments) -> bool:
    """Say whether a default is written as another constant than the function has."""
    loaded = function.__defaults__ or ()
    pairs = list(zip(loaded, written.defaults, strict=False))
    named = function.__kwdefaults__ or {}
    for argument, default in zip(written.kwonlyargs, written.kw_defaults, strict=True):
        if default is not None and argument.arg in named:
            pairs.append((named[argument.arg], default))
    return len(loaded) != len(written.defaults) or any(
        _is_written_otherwise(value, node) for value, node in pairs
    )


def _is_written_otherwise(value: Any, node: ast.expr) -> bool:
    try:
        return not _are_equal(value, ast.literal_eval(node))
    except (ValueError, TypeError):
        return False  # a name or a call, whose value the text does not tell
