"""Two configs side by side: the settings that differ, each by its full name."""

from collections.abc import Iterator, Mapping
from pprint import pformat
from typing import Any, NamedTuple

WIDTH = 100  # characters of a line


class Change(NamedTuple):
    """A setting that differs: its dotted name, its text before and after; None where it is not there."""

    name: str
    before: str | None
    after: str | None


def config_changes(base: Mapping[str, Any], own: Mapping[str, Any]) -> list[Change]:
    """What turns one config into another, in the order of their keys.

    Dicts are compared key by key, unless their `type` differs; lists of one length item by item. A variable of the
    config file that stands elsewhere in it, too, is told there only.

    Example:
        >>> config_changes({'a': {'b': 1, 'c': 2}}, {'a': {'b': 3, 'c': 2}})
        [Change(name='a.b', before='1', after='3')]
    """
    base, own = (_without_variables(config) for config in (base, own))
    return list(_changes('', base, own))


def _without_variables(config: Mapping[str, Any]) -> dict[str, Any]:
    nested = [node for value in config.values() for node in _below(value)]
    return {name: value for name, value in config.items() if not _is_tree(value) or value not in nested}


def _below(node: Any) -> Iterator[Any]:
    """Every dict and list inside of a node."""
    for child in node.values() if isinstance(node, Mapping) else node if isinstance(node, (list, tuple)) else ():
        if _is_tree(child):
            yield child
        yield from _below(child)


def _is_tree(value: Any) -> bool:
    return isinstance(value, (Mapping, list))


def _changes(name: str, before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping) and before.get('type') == after.get('type'):
        for key in [*before, *(key for key in after if key not in before)]:
            inner = f'{name}.{key}' if name else str(key)
            if key not in after:
                yield Change(inner, _text(before[key]), None)
            elif key not in before:
                yield Change(inner, None, _text(after[key]))
            else:
                yield from _changes(inner, before[key], after[key])
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for i, pair in enumerate(zip(before, after, strict=True)):
            yield from _changes(f'{name}[{i}]', *pair)
    elif before != after:
        yield Change(name, _text(before), _text(after))


def _text(value: Any) -> str:
    return pformat(_in_order(value), width=WIDTH, compact=True, sort_dicts=False)


def _in_order(value: Any) -> Any:
    """With the keys of dicts in one order, `type` first: what mmengine writes is sorted, what people write is not."""
    if isinstance(value, Mapping):
        return {key: _in_order(value[key]) for key in sorted(value, key=lambda key: (key != 'type', str(key)))}
    return type(value)(map(_in_order, value)) if isinstance(value, (list, tuple)) else value
