"""Contents of the HTML report: a run, its predictions, and notes on what is missing."""

import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from ..evaluation.average_precision import Matches, match_boxes
from ..evaluation.confusion import BACKGROUND, PhotoDigits, compare_digits, confusion_matrix
from ..evaluation.number_accuracy import INTERVALS, NumberResults
from ..evaluation.summary import describe_accuracy
from ..reading.lookup import reader_of_predictions
from ..reading.numbers import read_numbers
from ..reading.settings import ReaderConfig
from ..runs.curves import read_scalars
from ..runs.facts import run_facts
from ..runs.predictions import weights_notes
from ..structures.annotations import DigitAnnotations, true_numbers
from ..structures.digits import DIGITS
from . import plots
from .figures import (
    answer_curve,
    by_height,
    by_length,
    by_sharpness,
    measure_sharpness,
    precision_at_recalls,
    score_curve,
)
from .gallery import RIGHT_BYTES, RIGHT_CARDS, choose, confusion_name, confusions, make_cards
from .page import render_page
from .sources import Material, Sources, read_material


def make_report(sources: Sources, reader: str | None = None, score_thr: float | None = None) -> tuple[str, str]:
    """Make the page of all that the sources have, and its summary in a line; notes on the page name what is missing.

    Args:
        sources: from `custom.report.sources.find_sources`.
        reader: a reader.json, or 'none', instead of the one beside the predictions. Defaults to None, that one.
        score_thr: a threshold instead of the reader's. Defaults to None, the reader's.

    Raises:
        UserError: a file cannot be read, or files do not belong together.
    """
    page: dict[str, Any] = {'sources': sources, 'notes': list(sources.notes), 'summary': 'no predictions'}
    if sources.pred_json:
        choice = reader_of_predictions(sources.pred_json, reader, score_thr)
        material = read_material(sources.pred_json, sources.ann, sources.images)
        page['notes'] += [*weights_notes(sources.pred_json), *choice.notes, *material.notes]
        page['read_with'] = str(choice)
        page['written'] = datetime.fromtimestamp(sources.pred_json.stat().st_mtime).isoformat(' ', 'minutes')
        page |= _predictions(material, choice.reader.number)
    page['no_curves'] = 'The predictions are not in the work dir of a training run.'
    if sources.run_dir:
        page['run'] = run_facts(sources.run_dir)
        page['notes'] += page['run'].notes
        page['curves'] = _training(sources.run_dir)
        page['no_curves'] = f'{sources.run_dir} has no training scalars (vis_data/*.json).'
    return render_page(page), page['summary']


def _training(run_dir: Path) -> list[tuple[str, Markup | None, str]]:
    """Draw the curves of a run; a curve is its title, its plot, and the reason where there is none."""
    scalars = read_scalars(run_dir)
    if not scalars.training:
        return []
    validation = plots.validations(scalars) if scalars.validation else None
    return [
        ('Validation', validation, 'No validation was logged.'),
        ('Loss', plots.losses(scalars), ''),
        ('Learning rate', plots.learning_rate(scalars), ''),
    ]


def _predictions(material: Material, config: ReaderConfig) -> dict[str, Any]:
    """Collect the page's values of the predictions, with or without ground truth."""
    readings = read_numbers(material.detections, material.names, config)
    page: dict[str, Any] = {'photos': len(readings), 'boxes': len(material.detections), 'judged': False}
    truth, true = material.truth, None
    sizes: dict[int, Any] = {}
    if truth is None:
        digits = {i: PhotoDigits.without_truth(material.detections, reading) for i, reading in readings.items()}
        confidences = np.array([reading.confidence for reading in readings.values() if reading.number])
        page['numbers'] = len(confidences)
        page['summary'] = (
            f'a number read on {len(confidences)} of {len(readings)} photos; right or wrong is unknown without ANN'
        )
        page['confidences'] = plots.confidences(confidences) if len(confidences) else None
    else:
        true = true_numbers(truth)
        sizes = dict(zip(truth.image_ids.tolist(), truth.sizes.tolist(), strict=True))
        digits = compare_digits(material.detections, readings, truth)
        numbers, matches = NumberResults.of(readings, true), match_boxes(material.detections, truth)
        page |= _figures(numbers, matches, truth, material.images) | {'confusion': _confusion(digits)}
        curve = score_curve(matches.digits)
        page['f1'] = plots.score_thresholds(curve, config.score_thr)
        page['f1_at'] = curve.at(config.score_thr)
    chosen, right = choose(readings, true)
    of = material.names, readings, true, digits, sizes, material.images
    cards = make_cards(chosen, *of)
    page['cards_right'], page['chosen_right'] = make_cards(right, *of, (RIGHT_CARDS, RIGHT_BYTES)), len(right)
    lengths = sorted({len(card.true) for card in [*cards, *page['cards_right']] if card.true is not None})
    page |= {'cards': cards, 'chosen': len(chosen), 'lengths': lengths, 'confusions': confusions(cards)}
    page['without_photo'] = sum(bool(card.problem) for card in [*cards, *page['cards_right']])
    return page


def _figures(numbers: NumberResults, matches: Matches, truth: DigitAnnotations, images: Path | None) -> dict[str, Any]:
    """Compute the headline figures and the plots that need ground truth."""
    figures = numbers.estimates() | matches.estimates()
    measured = measure_sharpness(truth, images) if images else {}
    note = f'Contrast of neighbouring pixels, at one size; {len(measured)} of {len(numbers.right)} photos.'
    groups = [
        ('By length of the number', 'length', by_length(numbers.lengths, numbers.right), ''),
        ('By height of the digits', 'height', by_height(truth, numbers.right), 'Median of the ground-truth boxes.'),
        ('By sharpness', 'sharpness', by_sharpness(measured, truth, numbers.right), note),
    ]
    right = int(numbers.right.sum())
    return {
        'judged': True,
        'right': right,
        'summary': describe_accuracy(right, len(numbers.right)),
        'intervals': f'{INTERVALS}, bootstrap over photos (AP)',
        'figures': figures,
        'errors': dict(zip(('wrong', 'phantom', 'missing'), numbers.edits.sum(axis=0).tolist(), strict=True)),
        'answers': plots.answers(answer_curve(numbers), [figures[f'coverage_{n}'].value for n in (95, 99)]),
        'reliability': plots.reliability(numbers.confidences, numbers.right),
        'groups': [(title, plots.groups(rows, name) if rows else None, note) for title, name, rows, note in groups],
        'no_digits': ', '.join(sorted({*DIGITS} - {str(digit.label) for digit in matches.digits})),
        'digits': [
            (
                digit.label,
                int(digit.n_ground_truth.sum()),
                figures[f'AP_{digit.label}'],
                plots.precision_recall(str(digit.label), precision_at_recalls(digit), precision_at_recalls(digit, 5)),
            )
            for digit in matches.digits
        ],
    }


def _confusion(digits: Mapping[int, PhotoDigits]) -> list[tuple[str, list[tuple[int, str, float, str, str]]]]:
    """List the rows of the matrix as heading and cells; a cell has its count, kind, shade (0..1), key and name."""
    rows = []
    for true, counts in enumerate(confusion_matrix(digits).tolist()):
        cells = []
        for read, count in enumerate(counts):
            share = count / max(sum(counts), 1)
            kind, shade = ('right', share) if true == read else ('wrong', math.sqrt(share))
            cells.append((count, kind, round(shade, 2), f'{true}-{read}', confusion_name(true, read)))
        rows.append(('inserted' if true == BACKGROUND else DIGITS[true], cells))
    return rows
