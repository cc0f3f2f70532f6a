"""Contact sheets of labels and of augmented photos."""

import json

import numpy as np
import pytest
from helpers.project import ROOT
from PIL import Image

from custom.commands.contact_sheets import augmented_shots, choose_photos, draw_sheets, labelled_shot, labelled_shots
from custom.data.coco_reading import read_annotations
from custom.data.summary import check_root
from custom.utils.errors import UserError

CONFIG = ROOT / 'configs' / 'digits_frcnn_lite.py'


def test_photos_are_chosen_evenly(tiny_root):
    truth = read_annotations(tiny_root / 'train.json')
    assert choose_photos(truth, 3).file_names == ['2.png', '4.png', '6.png']
    assert choose_photos(truth, 3).box_image_ids.tolist() == [2, 2, 4, 4, 6, 6]
    assert choose_photos(truth, 99).file_names == truth.file_names


def test_a_photo_shows_its_number_its_name_and_what_is_ignored():
    boxes = np.array([[20.0, 4, 28, 16], [5, 4, 13, 16], [30, 4, 38, 16]])
    pixels = np.zeros((20, 40, 3), np.uint8)
    shot = labelled_shot(pixels, boxes, np.array([7, 3, 9]), np.array([False, False, True]), 'a\nphoto of a house.png')
    assert (shot.number, shot.used.tolist(), shot.remark) == ('37', [1, 0], '… of a house.png')
    assert len(shot.remark) == 16
    assert shot.truth is None


def test_labels_are_shown_as_they_are(tiny_root):
    truth = read_annotations(tiny_root / 'valid.json')
    shots = list(labelled_shots(truth, tiny_root / 'valid'))
    assert [shot.number for shot in shots] == ['10', '20', '30']
    assert shots[1].bboxes.tolist() == [[5, 4, 13, 16], [20, 4, 28, 16]]
    assert np.array_equal(shots[1].pixels, np.asarray(Image.open(tiny_root / 'valid/2.png')))


def load(path):
    from mmengine.config import Config

    return Config.fromfile(path)


def test_training_sees_the_same_photos_changed_and_each_time_alike(tiny_root):
    truth = read_annotations(tiny_root / 'train.json')
    first, again = (list(augmented_shots(truth, tiny_root / 'train', load(CONFIG))) for _ in range(2))
    assert [shot.remark for shot in first] == truth.file_names
    assert all(np.array_equal(one.pixels, two.pixels) for one, two in zip(first, again, strict=True))
    assert all(shot.pixels.shape[0] <= 80 for shot in first)  # the config's height
    assert {shot.number for shot in first} <= {*(f'{i}0' for i in range(1, 7)), '0', *'123456', ''}


def test_the_pipeline_changes_boxes_with_pixels_and_colours_stay(tiny_root):
    cfg = load(CONFIG)
    resize = {'type': 'Resize', 'scale': (80, 40), 'keep_ratio': True}
    pipeline = [
        {'type': 'LoadPhoto'},
        {'type': 'LoadAnnotations', 'with_bbox': True},
        resize,
        {'type': 'PackDetInputs'},
    ]
    cfg.train_dataloader.dataset.pipeline = pipeline
    Image.new('RGB', (40, 20), (255, 0, 0)).save(tiny_root / 'train/1.png')
    shot = next(augmented_shots(read_annotations(tiny_root / 'train.json'), tiny_root / 'train', cfg))
    assert shot.pixels.shape == (40, 80, 3) and (shot.pixels == [255, 0, 0]).all()
    assert shot.bboxes.tolist() == [[10, 8, 26, 32], [40, 8, 56, 32]]
    assert shot.number == '10'


def test_a_config_of_several_data_sets_gives_its_first_pipeline(tiny_root):
    cfg = load(ROOT / 'configs' / 'digits_frcnn_lite_mix.py')
    assert 'pipeline' not in cfg.train_dataloader.dataset
    truth = read_annotations(tiny_root / 'train.json')
    assert len(list(augmented_shots(truth, tiny_root / 'train', cfg))) == 6


def test_sheets_are_written(tiny_root, tmp_path):
    splits = check_root(tiny_root)
    before = sorted(tiny_root.rglob('*'))
    written = draw_sheets(tiny_root, splits, tmp_path / 'sheets', 4, str(CONFIG))
    assert [path.name for path in written] == ['train.png', 'train_augmented.png', 'valid.png']
    assert all(Image.open(path).width > 200 for path in written)
    assert set(tiny_root.rglob('*')) - set(before) == {tmp_path / 'sheets', *written}


def test_values_that_cannot_be_are_refused(tiny_root, tmp_path):
    splits = check_root(tiny_root)
    for photos in (0, 201):
        with pytest.raises(UserError, match=f'--photos {photos}: must be from 1 to 200'):
            draw_sheets(tiny_root, splits, tmp_path / 'sheets', photos, str(CONFIG))
    with pytest.raises(UserError, match='would put pictures among the photos'):
        draw_sheets(tiny_root, splits, tiny_root / 'train', 4, str(CONFIG))
    with pytest.raises(UserError, match=r'gone\.py: no such config'):
        draw_sheets(tiny_root, splits, tmp_path / 'sheets', 4, 'gone.py')
    assert not (tmp_path / 'sheets').exists()


def test_ignored_boxes_stay_ignored_in_training(tiny_root):
    data = json.loads((tiny_root / 'train.json').read_text())
    data['annotations'][0]['iscrowd'] = 1
    (tiny_root / 'train.json').write_text(json.dumps(data))
    truth = choose_photos(read_annotations(tiny_root / 'train.json'), 6)
    assert next(labelled_shots(truth, tiny_root / 'train')).number == '0'
    assert next(augmented_shots(truth, tiny_root / 'train', load(CONFIG))).number in ('0', '')
