"""custom/benchmark/domains.py: photo sets of the benchmark of domains."""

import json

import numpy as np
import pytest
from helpers.project import coco
from PIL import Image

from custom.benchmark.domains import (
    BACKGROUNDS,
    EMPTY,
    HOUSES,
    UNSURE,
    all_domains,
    canvas,
    drawn_domain,
    empty_crop,
    possible_numbers,
)
from custom.utils.errors import UserError


def save(path, side=40):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 255, (side, 2 * side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def labelled(root, names):
    """Write photos with the number 12, right digit first, and valid.json."""
    images, boxes = [], []
    for i, name in enumerate(names, 1):
        save(root / 'valid' / name)
        images.append({'id': i, 'file_name': name, 'width': 80, 'height': 40})
        for left, digit in ((30, 2), (10, 1)):
            box = {'id': len(boxes) + 1, 'image_id': i, 'category_id': digit + 1}
            boxes.append({**box, 'bbox': [left, 10, 8, 20], 'area': 160, 'iscrowd': 0})
    (root / 'valid.json').write_text(json.dumps(coco(images, boxes)))


@pytest.fixture
def root(tmp_path):
    labelled(tmp_path / 'houses', ['1.png', '2.png', '3.png'])
    labelled(tmp_path / 'meters-roboflow-real', ['a.png', f'{UNSURE[0]}_jpg.png'])
    for i in range(3):
        save(tmp_path / f'kwh-meter-strips/valid/{i}.png')
    rows = ['file,number,complete', '0.png,0123,1', '1.png,012,0', '2.png,4,1']
    (tmp_path / 'kwh-meter-strips/valid.csv').write_text('\n'.join(rows))
    save(tmp_path / 'building-photos/valid/0.png', 100)
    rows = ['file,number,regions_xywh', '0.png,12;7,20 40 30 10;150 40 20 10']
    (tmp_path / 'building-photos/valid.csv').write_text('\n'.join(rows))
    return tmp_path


def test_the_sets_that_are_there_are_read_and_the_others_named(root, capsys):
    only = [HOUSES, 'meter', 'building', EMPTY]
    domains = {domain.name: domain for domain in all_domains(root / 'houses', root, only=only)}
    assert list(domains) == [
        HOUSES,
        *(f'house numbers on a {scale}x canvas' for scale in (2, 4, 8)),
        'gas, water, electricity meters',
        'electricity meters, wheels',
        'building numbers, whole photos',
        EMPTY,
    ]
    notes = capsys.readouterr().err
    assert notes.count('not there, so') == 2
    assert 'building-numbers/valid.json: not there, so "building numbers" is left out; run make domains-data' in notes
    numbers = {name: [sample.numbers for sample in domain.samples] for name, domain in domains.items()}
    assert numbers[HOUSES] == [('12',)] * 3
    assert sorted(numbers['gas, water, electricity meters'], key=str) == [('12',), None]
    assert numbers['electricity meters, wheels'] == [('0123',), ('4',)]  # complete ones
    assert numbers['building numbers, whole photos'] == [('12', '7')]
    assert set(numbers[EMPTY]) == {()}
    eightfold = domains['house numbers on a 8x canvas']
    assert eightfold.samples[1].pixels().shape == (320, 640, 3)
    assert np.array_equal(eightfold.samples[1].pixels(), eightfold.samples[1].pixels())
    short = next(all_domains(root / 'houses', root, most=2, only=[HOUSES]))
    assert [sample.name for sample in short.samples] == ['1.png', '3.png']
    assert short.truth.file_names == ['1.png', '3.png'] and len(short.truth.labels) == 4


def test_crops_without_a_number_touch_no_region():
    regions = np.array([[20, 40, 30, 10], [150, 40, 20, 10.0]])
    found = set()
    for seed in range(30):
        left, top, right, bottom = empty_crop((200, 100), regions, 0.35, np.random.default_rng(seed))
        assert (right - left, bottom - top) == (70, 35) and left >= 0 and right <= 200 and top >= 0 and bottom <= 100
        for x, y, w, h in regions:
            assert left >= x + w or right <= x or top >= y + h or bottom <= y
        found.add((left, top))
    assert len(found) > 10
    assert empty_crop((200, 100), regions, 0.9, np.random.default_rng(0)) is None


def test_regions_that_are_no_numbers_are_refused(root):
    (root / 'building-photos/valid.csv').write_text('file,number,regions_xywh\n0.png,12,1 2 3')
    with pytest.raises(UserError, match=r'0\.png has no column regions_xywh of four numbers'):
        list(all_domains(root, root, only=[EMPTY]))


@pytest.mark.parametrize('background', BACKGROUNDS)
def test_a_canvas_holds_the_photo_once(background):
    photo = np.full((5, 9, 3), 255, np.uint8)
    other = np.zeros((30, 50, 3), np.uint8)
    places = set()
    for seed in range(8):
        pixels = canvas(photo, 4, background, other, np.random.default_rng(seed))
        assert pixels.shape == (20, 36, 3) and pixels.dtype == np.uint8
        windows = np.lib.stride_tricks.sliding_window_view(pixels, (5, 9, 3))[:, :, 0]
        found = np.argwhere((windows == 255).all(axis=(2, 3, 4)))
        assert len(found) == 1
        places.add(tuple(found[0]))
    assert len(places) > 4


def test_an_image_with_several_numbers_may_show_each():
    line = np.array([[20, 4, 8, 12], [0, 0, 8, 12], [10, 2, 8, 12]])  # slanted
    assert possible_numbers(line, np.array([3, 1, 2])) == ('123',)
    assert possible_numbers(np.zeros((0, 4)), np.zeros(0, int)) == ()


def test_drawn_images_are_labelled_and_do_not_change():
    once, again = drawn_domain('houses'), drawn_domain('houses')
    assert len(once.samples) == 40 == len(once.truth.image_ids)
    for i in (0, 17):
        assert np.array_equal(once.samples[i].pixels(), again.samples[i].pixels())
        digits = np.count_nonzero(once.truth.box_image_ids == i)
        assert digits and max(map(len, once.samples[i].numbers)) == digits
