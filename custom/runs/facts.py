"""Facts of a training run: config and its changes, command, versions, seed, times."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from pprint import pformat
from typing import Any, NamedTuple

from ..utils.errors import UserError
from ..utils.files import open_regular, read_file
from .curves import scalar_files
from .dumped_config import MOST_BYTES, read_dumped, walk

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
LOG_TIME = re.compile(r'^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) - mmengine', re.MULTILINE)
ENDS = 100_000  # bytes at either end of a log that are searched for times
WIDTH = 100  # characters of a line


class Change(NamedTuple):
    """A changed setting: dotted name, text before and after; None where the setting is missing."""

    name: str
    before: str | None
    after: str | None


@dataclass
class RunFacts:
    """Facts of the run in a work dir."""

    folder: Path
    environment: dict[str, str]  # as `custom.runs.environment` wrote it
    sessions: list[str]  # start and end of every start of the training, in order
    config_name: str | None = None  # file name
    config_text: str = ''
    seed: int | None = None
    base: list[str] = field(default_factory=list)  # names of the config's bases
    changes: list[Change] = field(default_factory=list)  # from the merged bases to the config
    notes: list[str] = field(default_factory=list)  # reasons for missing facts


def run_facts(work_dir: Path) -> RunFacts:
    """Gather the facts of a run; missing and unreadable files are noted, not raised."""
    facts = RunFacts(work_dir, _environment(work_dir), _sessions(work_dir))
    path = config_file(work_dir)
    if path is None:
        facts.notes.append(f'{work_dir} holds no config.')
        return facts
    facts.config_name = path.name
    try:
        facts.config_text = read_file(path, MOST_BYTES).decode(errors='replace')
        config = read_dumped(path).to_dict()
        randomness = config.get('randomness')
        facts.seed = randomness.get('seed') if isinstance(randomness, dict) else None
        base = base_names(CONFIGS / path.name)
        own = {name: value for name, value in config.items() if name not in ('work_dir', 'launcher')}
        facts.base, facts.changes = base, config_changes(_merged(base), own)
    except (OSError, UserError) as error:
        facts.notes.append(f'The config is not shown as a difference from its base: {error}.')
    return facts


def config_file(work_dir: Path) -> Path | None:
    """Return the newest config in a work dir."""
    return max(filter(Path.is_file, work_dir.glob('*.py')), key=lambda path: path.stat().st_mtime, default=None)


def base_names(path: Path) -> list[str]:
    """Return the bases that a config file names in `_base_`.

    Raises:
        UserError: the file is missing, is no Python, or names no base.
    """
    from mmengine.config import Config

    try:
        names = Config._get_base_files(str(path))
    except Exception as error:  # a config is code, and may raise anything
        raise UserError(f'{path} cannot be read ({error})') from error
    if not names:
        raise UserError(f'{path} has no base')
    return names


def _merged(names: list[str]) -> dict:
    """Merge the configs of these names, relative to CONFIGS."""
    from mmengine.config import Config

    paths = [name if '::' in name else str(CONFIGS / name) for name in names]
    try:
        return Config.fromstring(f'_base_ = {paths!r}', '.py').to_dict()
    except Exception as error:
        raise UserError(f'{", ".join(names)} cannot be read ({error})') from error


def config_changes(base: Mapping[str, Any], own: Mapping[str, Any]) -> list[Change]:
    """Return the differences between two configs, in the order of their keys.

    Dicts are compared key by key, unless their `type` differs. Lists of one length are compared item by item.
    Dict and list variables of a config file that are used elsewhere in the config are compared there only.

    Example:
        >>> config_changes({'a': {'b': 1, 'c': 2}}, {'a': {'b': 3, 'c': 2}})
        [Change(name='a.b', before='1', after='3')]
    """
    return list(_changes('', _without_variables(base), _without_variables(own)))


def _without_variables(config: Mapping[str, Any]) -> dict[str, Any]:
    nested = [node for value in config.values() for _, node in walk(value) if isinstance(node, (dict, list))]
    return {name: value for name, value in config.items() if not isinstance(value, (dict, list)) or value not in nested}


def _changes(name: str, before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping) and before.get('type') == after.get('type'):
        for key in [*before, *(key for key in after if key not in before)]:
            inner = f'{name}.{key}' if name else str(key)
            if key in before and key in after:
                yield from _changes(inner, before[key], after[key])
            else:
                yield Change(inner, *(_text(one[key]) if key in one else None for one in (before, after)))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for i, pair in enumerate(zip(before, after, strict=True)):
            yield from _changes(f'{name}[{i}]', *pair)
    elif before != after:
        yield Change(name, _text(before), _text(after))


def _text(value: Any) -> str:
    return pformat(_sorted(value), width=WIDTH, compact=True, sort_dicts=False)


def _sorted(value: Any) -> Any:
    """Sort the keys of dicts, `type` first: only the configs that mmengine dumps are sorted."""
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value, key=lambda key: (key != 'type', str(key)))}
    return type(value)(map(_sorted, value)) if isinstance(value, (list, tuple)) else value


def _environment(work_dir: Path) -> dict[str, str]:
    try:
        lines = read_file(work_dir / 'environment.txt', MOST_BYTES).decode(errors='replace').splitlines()
    except OSError:
        return {}
    pairs = (line.partition(': ') for line in lines)
    return {key: value for key, colon, value in pairs if colon}


def _sessions(work_dir: Path) -> list[str]:
    logs = [path for scalars in scalar_files(work_dir) for path in sorted(scalars.parents[1].glob('*.log'))[:1]]
    ends = [(times[0], times[-1]) for times in map(_times, logs) if times]
    return [f'{start} to {end} ({end - start} h)' for start, end in ends]


def _times(log: Path) -> list[datetime]:
    """Read the times in the first and last ENDS bytes of a log; none of a log that cannot be read."""
    try:
        with open_regular(log) as file:
            text = file.read(ENDS)
            if (rest := log.stat().st_size - ENDS) > 0:
                file.seek(max(rest, ENDS))
                text += b'\n' + file.read(ENDS)
    except OSError:
        return []
    times = []
    for match in LOG_TIME.findall(text.decode('utf-8', 'replace')):
        with contextlib.suppress(ValueError):  # month 13
            times.append(datetime.strptime(match, '%Y/%m/%d %H:%M:%S'))
    return times
