"""What was run: the config and how it differs from its base, the command, the versions, the seed, the times."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from pprint import pformat
from typing import Any, NamedTuple

from ..utils.errors import UserError
from .curves import scalar_files
from .dumped_config import read_dumped

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


CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
LOG_TIME = re.compile(r'^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) - mmengine', re.MULTILINE)
ENDS = 100_000  # bytes at either end of a log in which its times are looked for


class Session(NamedTuple):
    """One start of a training run: when it began and when it last wrote into its log."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f'{self.start} to {self.end} ({self.end - self.start} h)'


class RunFacts(NamedTuple):
    """What a work dir tells of its run.

    Attributes:
        folder: the work dir.
        config_name: the file name of its config; None where there is none.
        config_text: the whole config.
        base: the names of the config's bases; empty where they are not known.
        changes: how the config differs from them.
        seed: of the run; None where it was not set.
        environment: what `custom.runs.environment` wrote: command, commit, versions.
        sessions: each start, the first one first.
        notes: what could not be found out, a line each.
    """

    folder: Path
    config_name: str | None
    config_text: str
    base: list[str]
    changes: list[Change]
    seed: int | None
    environment: dict[str, str]
    sessions: list[Session]
    notes: list[str]


def config_file(work_dir: Path) -> Path | None:
    """The config that a run left in its work dir, the newest one."""
    found = sorted(filter(Path.is_file, work_dir.glob('*.py')), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else None


def run_facts(work_dir: Path) -> RunFacts:
    """Gather what a work dir tells of its run; what is missing or cannot be read is noted, not raised."""
    facts = RunFacts(work_dir, None, '', [], [], None, _environment(work_dir), _sessions(work_dir), [])
    path = config_file(work_dir)
    if path is None:
        facts.notes.append(f'{work_dir} holds no config.')
        return facts
    facts = facts._replace(config_name=path.name)
    try:
        facts = facts._replace(config_text=path.read_text(encoding='utf-8', errors='replace'))
        config = read_dumped(path)
        randomness = config.get('randomness')
        facts = facts._replace(seed=randomness.get('seed') if isinstance(randomness, dict) else None)
        base = base_names(CONFIGS / path.name)
        own = config.to_dict()
        own.pop('work_dir', None)
        own.pop('launcher', None)
        return facts._replace(base=base, changes=config_changes(_merged(base), own))
    except (OSError, UserError) as error:
        facts.notes.append(f'The config is not shown as a difference from its base: {error}.')
        return facts


def base_names(path: Path) -> list[str]:
    """What a config file inherits from, as it says in `_base_`.

    Raises:
        UserError: there is no such file, it is no Python, or it has no base.
    """
    try:
        nodes = ast.parse(path.read_text(encoding='utf-8')).body
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f'{path} cannot be read ({error})') from error
    for node in nodes:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == '_base_':
            value = ast.literal_eval(node.value)
            return [value] if isinstance(value, str) else list(value)
    raise UserError(f'{path} has no base')


def _merged(names: list[str]) -> dict:
    """The configs of these names, relative to CONFIGS, merged as one that inherits from all of them."""
    from mmengine.config import Config

    paths = [name if '::' in name else str(CONFIGS / name) for name in names]
    try:
        return Config.fromstring(f'_base_ = {paths!r}', '.py').to_dict()
    except Exception as error:  # a config is code, and may raise anything
        raise UserError(f'{", ".join(names)} cannot be read ({error})') from error


def _environment(work_dir: Path) -> dict[str, str]:
    try:
        lines = (work_dir / 'environment.txt').read_text(encoding='utf-8', errors='replace').splitlines()
    except OSError:
        return {}
    pairs = (line.partition(': ') for line in lines)
    return {key: value for key, colon, value in pairs if colon}


def _sessions(work_dir: Path) -> list[Session]:
    logs = [path for scalars in scalar_files(work_dir) for path in sorted(scalars.parents[1].glob('*.log'))[:1]]
    return [Session(times[0], times[-1]) for times in map(_times, logs) if times]


def _times(log: Path) -> list[datetime]:
    """Those at the beginning and at the end of a log."""
    with log.open('rb') as file:
        text = file.read(ENDS)
        if (rest := log.stat().st_size - ENDS) > 0:
            file.seek(max(rest, ENDS))
            text += b'\n' + file.read()
    times = []
    for found in LOG_TIME.findall(text.decode('utf-8', 'replace')):
        with contextlib.suppress(ValueError):  # month 13
            times.append(datetime.strptime(found, '%Y/%m/%d %H:%M:%S'))
    return times
