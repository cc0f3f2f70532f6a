"""Comparison of two sets of predictions of the same photos, photo by photo, as an HTML page."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from ..evaluation.average_precision import match_boxes
from ..evaluation.confusion import PhotoDigits, compare_digits
from ..evaluation.number_accuracy import INTERVALS, NumberResults
from ..evaluation.paired import PairedCounts
from ..reading.lookup import ReaderChoice, reader_of_predictions
from ..reading.numbers import Reading, read_numbers
from ..runs.dumped_config import read_dumped
from ..runs.facts import Change, config_changes, config_file
from ..runs.predictions import weights_notes
from ..structures.annotations import DigitAnnotations, true_numbers
from ..utils.errors import UserError
from ..utils.estimates import Estimate
from ..utils.files import real_path
from .gallery import MOST_BYTES, MOST_CARDS, Picture, load, picture
from .page import render_page
from .sources import Material, Sources, read_material

SHOWN = {
    'accuracy': 'number accuracy',
    'coverage_95': 'coverage at 95 % accuracy',
    'ece': 'calibration error',
    **{name: name for name in ('AP', 'AP50', 'AP75')},
}


class Run(NamedTuple):
    """One of the two sets of predictions, with its readings of the photos."""

    name: str
    pred_json: Path
    reader: ReaderChoice
    readings: Mapping[int, Reading]
    digits: Mapping[int, PhotoDigits]
    results: NumberResults
    figures: dict[str, Estimate]


class ComparedCard(NamedTuple):
    """A photo whose number differs between the runs."""

    name: str  # of its file
    first: str  # the number of the first run, '' for none
    second: str  # the number of the second run, '' for none
    true: str
    result: str  # 'won', 'lost' or 'still wrong'
    pictures: tuple[Picture, Picture] | None  # of each run; None where neither the photo nor its size is known
    problem: str  # why the photo is not shown, or ''


def make_comparison(
    sources: tuple[Sources, Sources], reader: str | None = None, score_thr: float | None = None
) -> tuple[str, str]:
    """Make the page that compares a second set of predictions with a first one, and its summary in a line.

    Args:
        sources: the two sets, from `custom.report.sources.find_sources`.
        reader: a reader.json, or 'none', for both. Defaults to None, the one beside each set.
        score_thr: a threshold for both. Defaults to None, that of each reader.

    Raises:
        UserError: predictions or the ground truth are missing, the sets have different photos, or a file cannot be
            read.
    """
    materials = [_material(one) for one in sources]
    truth = _same_truth(sources, materials)
    runs = [_run(one, material, truth, reader, score_thr) for one, material in zip(sources, materials, strict=True)]
    true = true_numbers(truth)
    counts = PairedCounts.of(*(run.results.right for run in runs))
    images = next((material.images for material in materials if material.images), None)
    changed = _changed(runs, true)
    names = materials[0].names
    notes = [note for one, material in zip(sources, materials, strict=True) for note in (*one.notes, *material.notes)]
    for run in runs:
        notes += [*weights_notes(run.pred_json), *run.reader.notes]
    page = {
        'page_title': f'{runs[0].name} and {runs[1].name}',
        'sections': [('figures', 'Figures'), ('gallery', 'Photos'), ('run', 'Runs')],
        'notes': list(dict.fromkeys(notes)),
        'runs': runs,
        'photos': len(true),
        'counts': counts,
        'intervals': f'{INTERVALS}, bootstrap over photos (AP)',
        'rows': [(label, [run.figures[key] for run in runs]) for key, label in SHOWN.items()],
        'cards': _cards(runs, changed, true, names, truth, images),
        'changed': len(changed),
        'ann': sources[0].ann,
        'images': images,
        'changes': _config_changes(sources),
    }
    summary = (
        f'second against first: {counts.won} won, {counts.lost} lost of {len(true)} photos, '
        f'sign test p = {counts.p_value:.2g}; number accuracy '
        + ' and '.join(f'{run.figures["accuracy"].value:.3f}' for run in runs)
    )
    return render_page(page, 'comparison.html.j2'), summary


def _material(sources: Sources) -> Material:
    if sources.pred_json is None:
        raise UserError(f'{sources.run_dir}: no predictions to compare; {sources.notes[0]}')
    material = read_material(sources.pred_json, sources.ann, sources.images)
    if material.truth is None:
        raise UserError(f'{sources.pred_json}: a comparison needs ground truth; give its COCO json: report A B ANN')
    return material


def _same_truth(sources: tuple[Sources, Sources], materials: list[Material]) -> DigitAnnotations:
    """Return the ground truth of both sets; its photos and numbers must be the same."""
    first, second = (material.truth for material in materials)
    assert first is not None and second is not None
    if true_numbers(first) != true_numbers(second) or first.file_names != second.file_names:
        raise UserError(
            f'{sources[0].ann} and {sources[1].ann}: the runs were tested on different photos; '
            'give predictions of the same ones, or their common COCO json: report A B ANN'
        )
    return first


def _run(
    sources: Sources, material: Material, truth: DigitAnnotations, reader: str | None, score_thr: float | None
) -> Run:
    assert sources.pred_json is not None
    choice = reader_of_predictions(sources.pred_json, reader, score_thr)
    readings = read_numbers(material.detections, material.names, choice.reader.number)
    results = NumberResults.of(readings, true_numbers(truth))
    figures = results.estimates() | match_boxes(material.detections, truth).estimates()
    digits = compare_digits(material.detections, readings, truth)
    folders = real_path(sources.pred_json).parent.parts
    name = real_path(sources.run_dir).name if sources.run_dir else '/'.join(folders[-2:])
    return Run(name, sources.pred_json, choice, readings, digits, results, figures)


def _changed(runs: list[Run], true: Mapping[int, str]) -> list[tuple[int, str]]:
    """List image_id and result of the photos whose number differs: lost ones, won ones, then those still wrong."""
    order = ('lost', 'won', 'still wrong')
    changed = []
    for image_id, number in true.items():
        first, second = (run.readings[image_id].number for run in runs)
        if first != second:
            changed.append((image_id, 'won' if second == number else 'lost' if first == number else 'still wrong'))
    return sorted(changed, key=lambda pair: order.index(pair[1]))


def _cards(
    runs: list[Run],
    changed: list[tuple[int, str]],
    true: Mapping[int, str],
    names: Mapping[int, str],
    truth: DigitAnnotations,
    images: Path | None,
) -> list[ComparedCard]:
    sizes = dict(zip(truth.image_ids.tolist(), truth.sizes.tolist(), strict=True))
    cards: list[ComparedCard] = []
    total = 0
    for image_id, result in tqdm(changed[:MOST_CARDS], 'drawing', unit=' photos', delay=2, leave=False, disable=None):
        photo, problem = load(images, names[image_id])
        width, height = sizes[image_id] if photo is None else (photo.shape[1], photo.shape[0])
        digits = [run.digits[image_id] for run in runs]
        around = np.vstack([digits[0].read, digits[1].read, digits[0].true])
        first = picture(digits[0], photo, (int(width), int(height)), True, around)
        second = picture(digits[1], None, (int(width), int(height)), True, around)._replace(uri=first.uri)
        total += len(first.uri or '')
        if total > MOST_BYTES and cards:
            break
        one, other = (run.readings[image_id].number for run in runs)
        cards.append(ComparedCard(names[image_id], one, other, true[image_id], result, (first, second), problem))
    return cards


def _config_changes(sources: tuple[Sources, Sources]) -> list[Change] | None:
    """List the differences between the configs of the runs; None where one is unknown."""
    paths = [config_file(one.run_dir) if one.run_dir else None for one in sources]
    if not paths[0] or not paths[1]:
        return None
    try:
        first, second = (read_dumped(path).to_dict() for path in paths if path)
    except (OSError, UserError):
        return None
    own = ({key: value for key, value in one.items() if key not in ('work_dir', 'launcher')} for one in (first, second))
    return config_changes(*own)
