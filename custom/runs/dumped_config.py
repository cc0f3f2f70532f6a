"""Dumped configs, the `.py` files of work dirs, read as data."""

from __future__ import annotations

import ast
import importlib.util
import math
import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..utils.errors import UserError
from ..utils.files import read_file
from .custom_imports import custom_imports, import_custom_modules

if TYPE_CHECKING:
    from mmengine.config import Config

MOST_BYTES = 1_000_000  # of a config; its syntax tree is a hundred times as large
WAY_OUT = 'name a config of configs/, or one that you trust, instead'


def read_dumped(path: str | os.PathLike) -> Config:
    """Read a config that mmengine dumped, without running it.

    Raises:
        UserError: the file cannot be read, or holds anything but assignments of literals, `dict()` calls included.
    """
    from mmengine.config import Config

    try:
        text = read_file(path, MOST_BYTES).decode()
        return Config(dict(map(_assignment, ast.parse(text).body)), filename=str(path))
    except OSError as error:
        raise UserError(f'{path}: cannot be read ({error.strerror})') from None
    except (SyntaxError, ValueError, KeyError, RecursionError, MemoryError) as error:
        reason = str(error).strip() or type(error).__name__
        raise UserError(f'{path}: is no dumped config ({reason}); {WAY_OUT}') from None


class Infinity(float):
    """An infinite number whose text is Python; mmengine would write `inf`, which no reader knows."""

    def __repr__(self) -> str:
        """Return `float('inf')` or `float('-inf')`."""
        return f"float('{float.__repr__(self)}')"


def with_infinity(node: Any) -> Any:
    """Replace infinite numbers in nested dicts, lists and tuples by `Infinity`; dicts are changed in place."""
    if isinstance(node, float) and math.isinf(node):
        return Infinity(node)
    if isinstance(node, dict):
        node.update({key: with_infinity(value) for key, value in node.items()})
    return type(node)(map(with_infinity, node)) if isinstance(node, (list, tuple)) else node


def _assignment(node: ast.stmt) -> tuple[str, Any]:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]) if name != '_base_':
            return name, _value(node.value)
    raise ValueError(f'line {node.lineno} is not name = literal')


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.Name(id='inf' | 'nan' as name):  # as mmengine writes them
            return float(name)
        case ast.Call(
            func=ast.Name(id='float'), args=[ast.Constant(value='inf' | '-inf' | 'nan' as name)], keywords=[]
        ):
            return float(name)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Name(id='inf')):
            return -math.inf
        case ast.List(elts=items):
            return [_value(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_value(item) for item in items)
        case ast.Dict(keys=keys, values=values) if all(isinstance(key, ast.Constant) for key in keys):
            return {key.value: _value(value) for key, value in zip(keys, values, strict=True)}  # type: ignore[union-attr]
        case ast.Call(func=ast.Name(id='dict'), args=[], keywords=pairs) if all(pair.arg for pair in pairs):
            return {pair.arg: _value(pair.value) for pair in pairs}
        case ast.Call(func=ast.Name(id='dict'), args=[ast.Dict() as inner], keywords=[]):
            return _value(inner)
    raise ValueError(f'line {node.lineno} holds more than literals')


def prepare_dumped(cfg: Config) -> None:
    """Import the project's modules that a dumped config names, and refuse all other code that it would run.

    mmengine's registries import every unknown `type`, and mmcv evaluates some.

    Raises:
        UserError: `custom_imports`, a scope or a `type` names a module outside of this project.
    """
    for name in custom_imports(cfg):
        if not re.fullmatch(r'custom(\.[a-z_0-9]+)*', str(name)):
            raise UserError(f'{cfg.filename}: refused, it imports {name!r}, which is not of this project; {WAY_OUT}')
    try:
        import_custom_modules(cfg)
    except ImportError as error:
        raise UserError(
            f'{cfg.filename}: imports {error.name}, which cannot be imported ({error}); {WAY_OUT}'
        ) from error
    for key, value in walk(cfg.to_dict()):
        if (key in ('default_scope', '_scope_') and value != 'mmdet') or (key == 'type' and not _is_inert(value)):
            raise UserError(f'{cfg.filename}: refused, {key}={value!r} may name code; {WAY_OUT}')


def walk(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield key or index, and value, of everything inside nested dicts, lists and tuples."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, (list, tuple)) else ()
    for key, value in items:
        yield key, value
        yield from walk(value)


def _is_inert(name: Any) -> bool:
    return isinstance(name, str) and name.isidentifier() and importlib.util.find_spec(name) is None
