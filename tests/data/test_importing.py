"""custom/data/importing.py: from labelled photos to a data set that DigitDataset takes."""

import json
import shutil

import numpy as np
import pytest
from helpers.project import coco
from PIL import Image

from custom.data import importing
from custom.data.coco_reading import read_annotations
from custom.data.formats.labels import SourceBox, SourcePhoto
from custom.data.importing import import_photos, split_photos
from custom.data.splits import SplitRule
from custom.structures.annotations import true_numbers
from custom.structures.photos import CONVERT, FORMAT_NAMES
from custom.utils.errors import UserError

RULE = SplitRule(0.25)


@pytest.fixture
def photos(tmp_path):
    """Eight labelled photos 0.png … 7.png that show 5 and their number."""
    rng = np.random.default_rng(0)
    found = []
    (tmp_path / 'src').mkdir()
    for i in range(8):
        path = tmp_path / 'src' / f'{i}.png'
        Image.fromarray(rng.integers(0, 255, (20, 40, 3), dtype=np.uint8)).save(path)
        boxes = [SourceBox(f'{i} a', 'five', [5, 4, 8, 12]), SourceBox(f'{i} b', str(i), [20, 4, 8, 12])]
        found.append(SourcePhoto(path, None, boxes))
    return found


def numbers(out, split):
    return true_numbers(read_annotations(out / f'{split}.json', out / split))


def run(photos, tmp_path, **settings):
    return import_photos(tmp_path / 'src', photos, tmp_path / 'out', {'five': 5}, RULE, **settings)


def test_photos_are_split_and_the_sources_stay(photos, tmp_path):
    done = run(photos, tmp_path)
    assert (done.sizes, done.notes) == ({'train': 6, 'valid': 2}, [])
    assert numbers(tmp_path / 'out', 'train') | numbers(tmp_path / 'out', 'valid') == {i: f'5{i}' for i in range(8)}
    assert all(photo.path.exists() for photo in photos)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['out', 'src']


def test_photos_without_labels_are_for_test_or_left_out(photos, tmp_path):
    photos[0].boxes = photos[1].boxes = None
    photos[0].split = 'test'
    done = run(photos, tmp_path)
    assert done.sizes == {'train': 4, 'valid': 2, 'test': 1}
    assert done.notes == [
        f'1 × photo without labels, left out; first: {photos[1].path}',
        'the source has no labelled photo in a valid split: valid is drawn from train at random',
    ]
    assert not (tmp_path / 'out/test.json').exists()


def test_a_labelled_test_split_keeps_its_labels(photos, tmp_path):
    photos[2].split = photos[3].split = photos[4].split = 'test'
    photos[3].boxes = None
    done = run(photos, tmp_path)
    assert numbers(tmp_path / 'out', 'test') == {2: '52', 4: '54'}
    first = f'1 × photo without labels in a test split that has labels, left out; first: {photos[3].path}'
    assert done.notes[0] == first


def test_photos_in_no_split_of_the_source_are_counted(photos, tmp_path):
    photos[0].split, photos[1].split = 'valid', 'train'
    done = run(photos, tmp_path)
    assert done.sizes == {'train': 7, 'valid': 1}
    assert done.notes[0] == f'6 × photo in no split of the source, put into train; first: {photos[2].path}'


def test_mistakes_leave_nothing_behind(photos, tmp_path):
    photos[3].path.write_bytes(photos[3].path.read_bytes()[:700])
    with pytest.raises(UserError, match=r'1 of 8 photos have mistakes(.|\n)*3\.png: is damaged'):
        run(photos, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['src']
    assert run(photos, tmp_path, skip_bad=True).sizes == {'train': 5, 'valid': 2}


def test_a_full_disk_leaves_nothing_behind(photos, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(importing, 'write_layout', full)
    with pytest.raises(UserError, match=r'out: could not be written \(No space left'):
        run(photos, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['src']


def test_an_output_folder_in_use_is_left_unchanged(photos, tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/mine').write_text('mine')
    with pytest.raises(UserError, match='holds something else'):
        run(photos, tmp_path)
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['mine']


def test_labelled_photos_of_test_alone_are_refused(photos, tmp_path):
    for photo in photos:
        photo.split = 'test'
    with pytest.raises(UserError, match='no labelled photo is left for train and valid'):
        run(photos, tmp_path)


@pytest.fixture
def folder(photos, tmp_path):
    """The same photos with one json."""
    images, boxes = [], []
    for i in range(8):
        images.append({'id': 50 + i, 'file_name': f'{i}.png', 'width': 40, 'height': 20})
        boxes.append({'id': i, 'image_id': 50 + i, 'category_id': i + 1, 'bbox': [5, 4, 8, 12], 'iscrowd': 0})
    (tmp_path / 'src/labels.json').write_text(json.dumps(coco(images, boxes)))
    return tmp_path / 'src'


def test_a_folder_is_split(folder, tmp_path):
    done = split_photos(folder, tmp_path / 'out', RULE)
    assert done.sizes == {'train': 6, 'valid': 2}
    assert numbers(tmp_path / 'out', 'train') | numbers(tmp_path / 'out', 'valid') == {i: str(i) for i in range(8)}


def test_near_duplicates_are_in_one_split(folder, tmp_path):
    smooth = Image.open(folder / '2.png').resize((40, 20), Image.Resampling.BICUBIC)
    smooth.save(folder / '5.png')
    for seed in range(4):
        done = split_photos(folder, tmp_path / f'out{seed}', SplitRule(0.25, seed))
        train = numbers(tmp_path / f'out{seed}', 'train')
        assert (2 in train) == (5 in train)
        assert '1 × near-duplicate, in the split of the other photo' in done.notes


def test_a_data_set_is_split_again(tiny_root, tmp_path):
    done = split_photos(tiny_root, tmp_path / 'new', SplitRule(0.2, seed=1))
    assert done.sizes == {'train': 7, 'valid': 2}
    assert done.notes[-1] == f'{tiny_root / "test"} is not copied: only labelled photos are split'
    both = sorted([*numbers(tmp_path / 'new', 'train').values(), *numbers(tmp_path / 'new', 'valid').values()])
    assert both == ['10', '10', '20', '20', '30', '30', '40', '50', '60']


def test_several_jsons_need_the_name_of_one(folder, tmp_path):
    shutil.copy(folder / 'labels.json', folder / 'old.json')
    with pytest.raises(UserError, match=r'holds labels\.json, old\.json, not one json; .*--ann JSON'):
        split_photos(folder, tmp_path / 'out', RULE)
    assert split_photos(folder, tmp_path / 'out', RULE, folder / 'old.json').sizes == {'train': 6, 'valid': 2}


def test_a_folder_without_a_json_is_refused(tmp_path):
    with pytest.raises(UserError, match='gone: no such folder'):
        split_photos(tmp_path / 'gone', tmp_path / 'out', RULE)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(UserError, match='empty: holds none, not one json'):
        split_photos(tmp_path / 'empty', tmp_path / 'out', RULE)


def test_photos_that_the_json_does_not_list_are_counted(tiny_root, tmp_path):
    shutil.copytree(tiny_root / 'train', tmp_path / 'photos')
    shutil.copy(tiny_root / 'train.json', tmp_path / 'photos/labels.json')
    for folder in (tmp_path / 'photos/sub', tiny_root / 'train/sub'):
        folder.mkdir()
        Image.new('RGB', (9, 9)).save(folder / '99.tif')
    (tmp_path / 'photos/98.heic').touch()
    assert split_photos(tmp_path / 'photos', tmp_path / 'out', RULE).notes[:2] == [
        '1 × photo not in labels.json, not used; first: sub/99.tif',
        f'1 × file or folder that is no photo ({FORMAT_NAMES}), passed over; first: 98.heic; {CONVERT}',
    ]
    notes = split_photos(tiny_root, tmp_path / 'again', RULE).notes
    assert '1 × photo not in train.json, not used; first: sub/99.tif' in notes


def test_photos_of_one_source_stay_in_one_split(photos, tmp_path):
    for i, photo in enumerate(photos[1:]):
        photo.groups['source'] = 'abc'[i // 3]
    photos[1].boxes = None  # left out; the groups of the others do not move
    done = import_photos(tmp_path / 'src', photos, tmp_path / 'out', {'five': 5}, SplitRule(0.3, group_by=('source',)))
    sides = [set(numbers(tmp_path / 'out', split).values()) for split in ('train', 'valid')]
    for group in ({'52', '53'}, {'54', '55', '56'}, {'50'}, {'57'}):
        assert sum(bool(side & group) for side in sides) == 1
    assert done.notes[-1] == '4 groups of 7 photos with the same source, each in one split'
