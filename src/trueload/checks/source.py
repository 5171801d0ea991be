"""What the text of the user's code says where the run itself cannot: calls without brackets, slips.

Only files that ran are read, as they were when they ran.
"""

import ast
from collections.abc import Iterator

from trueload.evidence import Run
from trueload.findings import Place


def bare(run: Run, attribute: str) -> list[Place]:
    """Find lines that name a method and do not call it: `optimizer.step`."""
    return [
        _place(file, text, node)
        for file, text, node in _nodes(run)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == attribute
    ]


def assigned(run: Run, attribute: str) -> list[Place]:
    """Find lines that set an attribute: `parameter.require_grad = False`."""
    return [
        _place(file, text, node)
        for file, text, node in _nodes(run)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and node.attr == attribute
    ]


def assignment(run: Run, attribute: str) -> Place | None:
    """Find the line that gives an attribute its value: `self.file = open(path)`.

    Lines that set it to a constant, such as `None`, are passed over. Nothing is given where there
    are several others.
    """
    found = [
        _place(file, text, node)
        for file, text, node in _nodes(run)
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        and not isinstance(node.value, (ast.Constant, type(None)))
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Attribute) and target.attr == attribute
    ]
    return found[0] if attribute and len(found) == 1 else None


def called(run: Run, *attributes: str) -> list[Place]:
    """Find lines that call a method of one of these names: `images.view(...)`."""
    return [
        _place(file, text, node.func)
        for file, text, node in _nodes(run)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in attributes
    ]


def _nodes(run: Run) -> Iterator[tuple[str, str, ast.stmt | ast.expr]]:
    for file, text in run.sources.items():
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.stmt | ast.expr):
                yield file, text, node


def _place(file: str, text: str, node: ast.stmt | ast.expr) -> Place:
    return Place(file, node.lineno, source=text.splitlines()[node.lineno - 1])
