"""What the HTML report says: of a run, of its predictions, of what is missing."""

import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..evaluation.average_precision import Matches, match_boxes
from ..evaluation.confusion import BACKGROUND, PhotoDigits, compare_digits, confusion_matrix
from ..evaluation.number_accuracy import NumberResults
from ..reading.lookup import ReaderChoice, reader_of_predictions
from ..reading.numbers import Reading, read_numbers
from ..runs.curves import read_scalars
from ..runs.facts import run_facts
from ..structures.annotations import DigitAnnotations, ground_truth_numbers
from ..structures.digits import DIGITS
from . import plots
from .figures import (
    answer_curve,
    by_height,
    by_length,
    by_sharpness,
    measure_sharpness,
    precision_at_recalls,
)
from .gallery import choose, confusion_name, confusions, make_cards
from .page import render_page
from .sources import Material, Sources, read_material


class Report(NamedTuple):
    """The page, and what it says in a line."""

    html: str
    summary: str


def make_report(sources: Sources, reader: str | None = None, score_thr: float | None = None) -> Report:
    """Everything that there is to say, as far as the sources have it; what is missing is said, too.

    Args:
        sources: see `custom.report.sources.find_sources`.
        reader: a reader.json, or 'none', instead of the one beside the predictions. Defaults to None, that one.
        score_thr: a threshold instead of the reader's. Defaults to None, the reader's.

    Raises:
        UserError: a file cannot be read, or files do not belong together.
    """
    page: dict[str, Any] = {'sources': sources, 'notes': list(sources.notes), 'summary': 'no predictions'}
    if sources.pred_json:
        found = reader_of_predictions(sources.pred_json, reader, score_thr)
        material = read_material(sources.pred_json, sources.ann, sources.images)
        page['notes'] += material.notes
        page['read_with'] = str(found)
        page['written'] = datetime.fromtimestamp(sources.pred_json.stat().st_mtime).isoformat(' ', 'minutes')
        page |= _predictions(material, found)
    if sources.run_dir:
        page['run'] = run_facts(sources.run_dir)
        page['notes'] += page['run'].notes
        page |= _training(sources, page['notes'])
    return Report(render_page(page), page['summary'])


def _training(sources: Sources, notes: list[str]) -> dict[str, Any]:
    scalars = read_scalars(sources.run_dir) if sources.run_dir else None
    if not scalars or not scalars.training:
        notes.append(f'{sources.run_dir} has no training scalars (vis_data/*.json): there are no training curves.')
        return {}
    curves = [('Loss', plots.losses(scalars)), ('Learning rate', plots.learning_rate(scalars))]
    if scalars.validation:
        curves.insert(0, ('On the validation photos', plots.validations(scalars)))
    return {'curves': curves}


def _predictions(material: Material, found: ReaderChoice) -> dict[str, Any]:
    """What the predictions give, with the truth or without it."""
    readings = read_numbers(material.detections, material.names, found.reader.number)
    page: dict[str, Any] = {'photos': len(readings), 'boxes': len(material.detections), 'judged': False}
    truth, true = material.truth, None
    sizes: dict[int, Any] = {}
    if truth is None:
        digits = {i: PhotoDigits.without_truth(material.detections, reading) for i, reading in readings.items()}
        page |= _untold(readings)
    else:
        true = ground_truth_numbers(truth)
        sizes = dict(zip(truth.image_ids.tolist(), truth.sizes.tolist(), strict=True))
        digits = compare_digits(material.detections, readings, truth)
        numbers, matches = NumberResults.of(readings, true), match_boxes(material.detections, truth)
        page |= _figures(numbers, matches, truth, material.images) | _confusion(digits)
    chosen = choose(readings, true)
    cards = make_cards(chosen, material.names, readings, true, digits, sizes, material.images)
    lengths = sorted({len(card.true) for card in cards if card.true is not None})
    page |= {'cards': cards, 'chosen': len(chosen), 'lengths': lengths, 'confusions': confusions(cards)}
    page['without_photo'] = sum(bool(card.problem) for card in cards)
    return page


def _untold(readings: Mapping[int, Reading]) -> dict[str, Any]:
    numbers = sum(bool(reading.number) for reading in readings.values())
    page: dict[str, Any] = {'numbers': numbers, 'summary': f'a number read on {numbers} of {len(readings)} photos'}
    if numbers:
        sure = np.array([reading.confidence for reading in readings.values() if reading.number])
        page['confidences'] = plots.confidences(sure)
    return page


def _figures(numbers: NumberResults, matches: Matches, truth: DigitAnnotations, images: Path | None) -> dict[str, Any]:
    """Headline figures, and the plots that need the truth."""
    figures = numbers.estimates() | matches.estimates()
    measured = measure_sharpness(truth, images) if images else {}
    note = f'Change from pixel to pixel, at one size and contrast; {len(measured)} of {len(numbers.right)} photos.'
    groups = [
        ('How long the number is', 'length', by_length(numbers.lengths, numbers.right), ''),
        ('How high its digits are', 'height', by_height(truth, numbers.right), 'Median of the true boxes.'),
        ('How sharp they are', 'sharpness', by_sharpness(measured, truth, numbers.right), note),
    ]
    curves = [
        (d.label, int(d.n_ground_truth.sum()), precision_at_recalls(d), precision_at_recalls(d, 5))
        for d in matches.digits
    ]
    accuracy, right = figures['accuracy'], int(numbers.right.sum())
    return {
        'judged': True,
        'right': right,
        'summary': f'number accuracy {accuracy.value:.3f} ({accuracy.low:.3f}-{accuracy.high:.3f}), '
        f'{right} of {len(numbers.right)} photos',
        'figures': figures,
        'mistakes': dict(zip(('wrong', 'phantom', 'missing'), numbers.edits.sum(axis=0).tolist(), strict=True)),
        'answers': plots.answers(answer_curve(numbers), [figures[f'coverage_{n}'].value for n in (95, 99)]),
        'reliability': plots.reliability(numbers.confidences, numbers.right),
        'groups': [(title, plots.groups(rows, name) if rows else None, note) for title, name, rows, note in groups],
        'digits': [
            (label, count, figures[f'AP_{label}'], plots.precision_recall(str(label), *both))
            for label, count, *both in curves
        ],
    }


def _confusion(digits: Mapping[int, PhotoDigits]) -> dict[str, Any]:
    """The matrix as rows of (heading, cells); a cell has its count, kind, shade (0..1), mark and words."""
    counts = confusion_matrix(digits)
    rows = []
    for true, row in enumerate(counts.tolist()):
        cells = []
        for read, count in enumerate(row):
            share = count / max(sum(row), 1)
            kind, shade = ('right', share) if true == read else ('wrong', math.sqrt(share))
            cells.append((count, kind, round(shade, 2), f'{true}-{read}', confusion_name(true, read)))
        rows.append(('phantom' if true == BACKGROUND else DIGITS[true], cells))
    return {'confusion': rows}
