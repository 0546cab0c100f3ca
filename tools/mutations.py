# SPDX-License-Identifier: Apache-2.0
"""One-line mutants of a module: see mutants.py, which tries them."""

import ast
from collections.abc import Callable
from collections.abc import Iterator
import copy
import itertools
import pathlib
from typing import Any
from typing import NamedTuple

PRODUCT = pathlib.Path(__file__).parents[1] / 'vitrage_k8s'

SWAPS: dict[type[ast.AST], Callable[[], Any]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot,
    ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv, ast.Div: ast.Mult}
LOG_METHODS = ('debug', 'info', 'warning', 'error', 'exception', 'log')


class Mutant(NamedTuple):
    """A change of one expression or statement.

    :ivar module: its path below the product
    :ivar old: what stands there
    :ivar start, end: where, as offsets of the bytes of the source
    """

    module: str
    line: int
    old: str
    new: str
    start: int
    end: int

    def __str__(self) -> str:
        old = ' '.join(self.old.split())
        return f'{self.module}:{self.line}: {old} -> {self.new}'

    @property
    def path(self) -> pathlib.Path:
        return PRODUCT / f'{self.module}.py'

    def source(self) -> bytes:
        """Return the source with the change."""
        before = self.path.read_bytes()
        return before[:self.start] + self.new.encode() + before[self.end:]


def find_mutants(module: str) -> Iterator[Mutant]:
    """Yield all mutants of a module."""
    source = (PRODUCT / f'{module}.py').read_bytes()
    starts = [0, *itertools.accumulate(
        len(line) for line in source.splitlines(keepends=True))]
    for node, is_condition in walk(ast.parse(source), False):
        news = list(changes(node))
        if is_condition and not is_inverted_by_swap(node):
            news.append(f'(not ({ast.unparse(node)}))')
        for new in news:
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + node.end_col_offset
            yield Mutant(module, node.lineno, source[start:end].decode(), new,
                         start, end)


def walk(node: Any, is_condition: bool) -> Iterator[tuple[Any, bool]]:
    """Yield what runs, and is more than text, and whether it decides."""
    yield node, is_condition
    if isinstance(node, ast.JoinedStr):
        # Its parts have no place before Python 3.12.
        return
    for name, value in ast.iter_fields(node):
        if name in ('annotation', 'returns'):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not is_text(node, child):
                yield from walk(child, name in ('test', 'ifs', 'guard'))


def is_text(parent: ast.AST, node: ast.AST) -> bool:
    """Return whether it is a docstring, a text of a log or a type's name."""
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return False
    match parent:
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in LOG_METHODS
        case ast.Call(func=ast.Name(id=name)):
            return name == 'TypeVar'
    return isinstance(parent, ast.Expr)


def is_inverted_by_swap(node: ast.AST) -> bool:
    """Return whether another mutant is the contrary of a condition."""
    match node:
        case ast.Compare(ops=[ast.Eq() | ast.NotEq() | ast.Is() | ast.IsNot()
                              | ast.In() | ast.NotIn()]):
            return True
    return isinstance(node, ast.UnaryOp)


def changes(node: Any) -> Iterator[str]:
    """Yield what may stand in the place of an expression or statement."""
    match node:
        case ast.Constant(value=bool() as value):
            yield f'{not value}'
        case ast.Constant(value=int() | float() as value):
            yield f'{value + 1}'
        case ast.Constant(value=str() as value):
            yield repr('y' if value == 'x' else 'x')
        case ast.Constant(value=bytes() as value):
            yield repr(b'y' if value == b'x' else b'x')
        case ast.Compare(ops=ops):
            for number, operator in enumerate(ops):
                other = [*ops]
                other[number] = SWAPS[type(operator)]()
                yield f'({ast.unparse(replaced(node, ops=other))})'
        case ast.BoolOp() | ast.BinOp() if type(node.op) in SWAPS:
            swapped = replaced(node, op=SWAPS[type(node.op)]())
            yield f'({ast.unparse(swapped)})'
        case ast.UnaryOp(op=ast.Not()):
            yield f'({ast.unparse(node.operand)})'
        case ast.Return(value=ast.expr()) if not is_none(node.value):
            yield 'return None'
        case ast.AugAssign() | ast.Raise() | ast.Delete() | ast.Expr(
                value=ast.Call() | ast.Yield() | ast.YieldFrom()) | ast.Assign(
                targets=[ast.Attribute() | ast.Subscript()]):
            yield 'pass'
        case ast.Continue():
            yield 'break'
        case ast.Break():
            yield 'continue'


def is_none(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def replaced(node: ast.AST, **fields: object) -> ast.AST:
    other = copy.copy(node)
    vars(other).update(fields)
    return other
