"""Comparison of readers by domain, as `tools/benchmark.py domains` runs it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..utils.errors import UserError
from ..utils.files import replacing
from ..utils.messages import say, say_notes
from .domain_scores import NOTES, Result, as_dict, failure_sheet, rows_of, run_all, table
from .domains import all_domains
from .rivals import BASELINES, OPENERS, Reader, names_of_ours, open_ours

NONE = 'none'  # a value of --against
SHORT = 6  # photos of each domain, to check that everything works
HOUSES, ROOT = Path('../shared/data/nycu-mini'), Path('data/domains')


def open_readers(weights: Sequence[str], against: Sequence[str]) -> dict[str, Reader]:
    """Open this project's readers and the baselines; a baseline that is not installed is left out with a note.

    Args:
        weights: of this project's readers; none for the weights of the project.
        against: names of baselines; none for all, NONE for no baseline.

    Raises:
        UserError: a baseline is unknown, or one that `against` names is not installed.
    """
    names = [] if list(against) == [NONE] else against or list(BASELINES)
    for name in names:
        if name not in BASELINES:
            raise UserError(f'--against {name}: no such baseline here; there are {", ".join(BASELINES)} and {NONE}')
    readers = {name: open_ours(path) for name, path in names_of_ours(weights).items()}
    for name in names:
        say(f'domains: opening {name}')
        try:
            readers[name] = OPENERS[name]()
        except UserError as error:
            if against:
                raise
            say_notes(f'{error}; left out')
    return readers


def compare_domains(
    readers: Mapping[str, Reader],
    houses: Path | None = None,
    root: Path | None = None,
    only: Sequence[str] = (),
    short: bool = False,
    pictures: Path | None = None,
) -> list[Result]:
    """Read all domains with all readers; print the table as it grows, and draw the failures of each reader.

    Args:
        readers: the first one decides which canvases are read.
        houses: data set of house numbers. Defaults to None, HOUSES.
        root: holds the data sets of `make domains-data`. Defaults to None, ROOT.
        only: parts of the names of domains. Defaults to (), all domains.
        short: whether a domain has at most SHORT photos. Defaults to False.
        pictures: folder of the sheets. Defaults to None, none is drawn.

    Raises:
        UserError: no domain is there, or data or pictures cannot be read or written.
    """
    results: list[Result] = []
    rows: list[list[str]] = []
    domains = all_domains(houses or HOUSES, root or ROOT, SHORT if short else None, only)
    for domain, own in run_all(domains, readers):
        results += own
        rows += rows_of(own)
        say(table(rows_of(own)))
        for result in own if pictures else ():
            sheet = failure_sheet(domain, result)
            if sheet:
                name = ''.join(c if c.isalnum() else '_' for c in f'{result.domain}_{result.reader}')
                with replacing(Path(pictures or '', f'{name}.png')) as beside:
                    sheet.save(beside, 'PNG')
    if not results:
        raise UserError(f'no domain is left: {", ".join(only) or "no photos"}; see the notes above')
    print(table(rows), *NOTES, *(f'{name}: {BASELINES[name]}' for name in readers if name in BASELINES), sep='\n')
    return results


def as_json(results: Sequence[Result], run: Mapping[str, Any]) -> str:
    """Format all results, answer by answer."""
    return json.dumps({'settings': run, 'domains': [as_dict(result) for result in results]}, indent=1) + '\n'
