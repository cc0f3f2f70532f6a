"""Which digit a label means; a label that is no digit is explained, never guessed."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from custom.digits import DIGITS
from custom.errors import UserError
from custom.photos import natural_key

ClassMap = Mapping[str, int | None]
MOST_NAMES = 10  # unknown labels that a message lists


def parse_classes(pairs: Sequence[str]) -> dict[str, int | None]:
    """What `--classes NAME=DIGIT …` says; None for boxes that are to be left out, `NAME=none`.

    Raises:
        UserError: a pair is no such thing, or a name is there twice.

    Example:
        >>> parse_classes(['ten=0', 'plate=none'])
        {'ten': 0, 'plate': None}
    """
    classes: dict[str, int | None] = {}
    for pair in pairs:
        name, equals, digit = pair.rpartition('=')
        if not equals or digit not in (*DIGITS, 'none'):
            raise UserError(f'--classes {pair}: wanted is NAME=DIGIT with a digit from 0 to 9, or NAME=none')
        if name.strip() in classes:
            raise UserError(f'--classes: {name.strip()!r} is there twice; give each name once')
        classes[name.strip()] = None if digit == 'none' else int(digit)
    return classes


def meanings(source: Path, labels: Iterable[tuple[str, str]], classes: ClassMap) -> dict[str, int | None]:
    """The digit of every name, None for one whose boxes are left out: '0' to '9' and `classes`.

    Args:
        source: what messages call the labels' source.
        labels: the name of each label, and the place where it stands.
        classes: see `parse_classes`.

    Raises:
        UserError: a name is neither a digit nor in `classes`.
    """
    known: dict[str, int | None] = {**{name: int(name) for name in DIGITS}, **classes}
    unknown: Counter[str] = Counter()
    first: dict[str, str] = {}
    for name, where in labels:
        if name not in known:
            unknown[name] += 1
            first.setdefault(name, where)
    if not unknown:
        return known
    listed = sorted(unknown.most_common(MOST_NAMES), key=lambda pair: natural_key(pair[0]))
    more = f' and {len(unknown) - len(listed)} more' if len(unknown) > len(listed) else ''
    said = ', '.join(f'{name!r} ({count} boxes; first: {first[name]})' for name, count in listed)
    way = ' '.join(f'{shlex.quote(name)}=DIGIT' for name, _ in listed)
    raise UserError(
        f'{source}: labels that are no digit: {said}{more}; say which digit each one means, by '
        f'--classes {way} (or =none: such boxes are left out)'
    )
