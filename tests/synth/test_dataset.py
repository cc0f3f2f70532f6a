"""Synthetic data set: layout, determinism, existing files."""

import json
import shutil

import cv2
import numpy as np
import pytest

from custom.data.coco_reading import read_annotations
from custom.data.summary import check_root, describe
from custom.synth import dataset
from custom.synth.dataset import SynthConfig, choose_domain, parse_domains, write_dataset
from custom.synth.domains import DOMAINS
from custom.synth.fonts import digit_faces
from custom.synth.scene import Assets
from custom.synth.walls import background_files
from custom.utils.errors import UserError

pytestmark = pytest.mark.integration  # the images are drawn by processes

CONFIG = SynthConfig(images=12, seed=3)  # 10 train, 1 valid, 1 test


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp('synth') / 'deep' / 'set'
    assert write_dataset(out, CONFIG, workers=1)
    return out


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob('*')) if path.is_file()}


@pytest.mark.parametrize(
    ('images', 'valid', 'test', 'sizes'),
    [(100, 0.1, 0.1, (80, 10, 10)), (10, 0.01, 0.01, (8, 1, 1)), (1000, 0.25, 0.05, (700, 250, 50))],
)
def test_sizes_of_the_splits(images, valid, test, sizes):
    config = SynthConfig(images, valid_fraction=valid, test_fraction=test)
    assert tuple(config.sizes.values()) == sizes


@pytest.mark.parametrize(
    ('values', 'named'),
    [
        ({'images': 9}, 'images=9'),
        ({'images': 20, 'seed': -1}, 'seed=-1'),
        ({'images': 20, 'hardness': 1.1}, 'hardness=1.1'),
        ({'images': 20, 'hardness': float('nan')}, 'hardness=nan'),
        ({'images': 20, 'valid_fraction': 0}, 'valid fraction 0'),
        ({'images': 20, 'backgrounds': 'nowhere'}, 'nowhere'),
        ({'images': 20, 'valid_fraction': 0.6, 'test_fraction': 0.4}, 'train'),
        ({'images': 20, 'domains': {}}, 'none is given; choose from .*houses'),
        ({'images': 20, 'domains': {'house': 1}}, "domain 'house': unknown; choose from .*houses"),
        ({'images': 20, 'domains': {'houses': 0}}, 'domain houses=0: must be above 0'),
        ({'images': 20, 'domains': {'houses': -1}}, 'domain houses=-1: must be a number'),
        ({'images': 20, 'domains': {'houses': float('inf')}}, 'domain houses=inf: must be a number'),
        ({'images': 20, 'digit_crops': 'nowhere'}, 'nowhere/labels.csv: no such file'),
    ],
)
def test_bad_values_are_named(values, named):
    with pytest.raises(UserError, match=named):
        SynthConfig(**values)


def test_layout_is_that_of_the_real_set(written):
    assert set(contents(written)) == {
        *(f'train/{number}.png' for number in range(1, 11)),
        *('valid/1.png', 'test/1.png', 'train.json', 'valid.json', 'synth.json'),
    }


def test_annotations_fit_the_files(written):
    for split, count in (('train', 10), ('valid', 1)):
        truth = json.loads((written / f'{split}.json').read_text())
        assert [(c['id'], c['name']) for c in truth['categories']] == [(i + 1, str(i)) for i in range(10)]
        assert [image['id'] for image in truth['images']] == list(range(1, count + 1))
        for image in truth['images']:
            assert image['file_name'] == f'{image["id"]}.png'
            height, width = cv2.imread(str(written / split / image['file_name'])).shape[:2]
            assert (image['height'], image['width']) == (height, width)
        assert [one['id'] for one in truth['annotations']] == list(range(1, len(truth['annotations']) + 1))
        assert {one['image_id'] for one in truth['annotations']} == set(range(1, count + 1))  # none without a digit
        for one in truth['annotations']:
            assert all(isinstance(value, int) for value in one['bbox'])
            assert one['area'] == one['bbox'][2] * one['bbox'][3]
            assert 1 <= one['category_id'] <= 10
            assert one['iscrowd'] == 0


def test_number_of_processes_changes_no_image(written, tmp_path):
    assert write_dataset(tmp_path / 'again', CONFIG, workers=2)
    assert contents(tmp_path / 'again') == contents(written)


def test_an_image_depends_on_its_seed_split_and_number_only(written):
    photo = cv2.imread(str(written / 'valid' / '1.png'))[..., ::-1]
    rng = np.random.default_rng([3, 1, 1])  # seed, split, number
    assert np.array_equal(photo, DOMAINS['houses'](rng, Assets(digit_faces()), 1.0).image)
    assert (written / 'train' / '1.png').read_bytes() != (written / 'test' / '1.png').read_bytes()


def test_backgrounds_change_images_and_are_recorded(written, tmp_path):
    walls = tmp_path / 'walls'
    walls.mkdir()
    cv2.imwrite(str(walls / '1.png'), np.full((40, 100, 3), 90, np.uint8))
    config = SynthConfig(images=12, seed=3, backgrounds=str(walls))
    assert write_dataset(tmp_path / 'set', config, workers=1)
    record = json.loads((tmp_path / 'set' / 'synth.json').read_text())
    assert record['backgrounds']['photos'] == 1
    assert str(tmp_path) not in json.dumps(record)
    assert json.loads((written / 'synth.json').read_text())['backgrounds'] is None
    assert (tmp_path / 'set/train/1.png').read_bytes() != (written / 'train/1.png').read_bytes()
    assert write_dataset(tmp_path / 'set', config) is False
    cv2.imwrite(str(walls / '2.png'), np.full((40, 100, 3), 91, np.uint8))
    background_files.cache_clear()  # as a new process
    with pytest.raises(UserError, match='holds something else'):
        write_dataset(tmp_path / 'set', config)


def test_domains_are_drawn_by_weight_from_seed_and_number():
    config = SynthConfig(images=100, seed=3, domains={'houses': 3, 'empty': 1})
    names = [choose_domain(config, 'train', image_id) for image_id in range(1, 401)]
    assert names.count('empty') == pytest.approx(100, abs=30)
    assert set(names) == {'houses', 'empty'}
    longer = SynthConfig(images=900, seed=3, domains={'empty': 0.5, 'houses': 1.5})  # the same shares
    assert [choose_domain(longer, 'train', image_id) for image_id in range(1, 401)] == names
    assert [choose_domain(config, 'valid', image_id) for image_id in range(1, 401)] != names


def test_an_image_without_digits_is_listed_without_annotations(written, tmp_path):
    config = SynthConfig(images=30, seed=3, domains={'houses': 1, 'empty': 1})
    out = tmp_path / 'set'
    assert write_dataset(out, config, workers=1)
    truth = json.loads((out / 'train.json').read_text())
    assert len(truth['images']) == 24
    labelled = {one['image_id'] for one in truth['annotations']}
    drawn = {i: choose_domain(config, 'train', i) for i in range(1, 25)}
    assert labelled == {i for i, name in drawn.items() if name == 'houses'}
    assert 0 < len(labelled) < 24
    same = next(i for i in labelled if i <= 10)  # of the same seed without other domains
    assert (out / f'train/{same}.png').read_bytes() == (written / f'train/{same}.png').read_bytes()
    assert json.loads((out / 'synth.json').read_text())['domains'] == {'houses': 1, 'empty': 1}
    assert read_annotations(out / 'train.json', out / 'train').image_ids.tolist() == list(range(1, 25))
    assert '0 on ' in describe('train', check_root(out)['train'])


def test_a_record_from_before_the_domains_is_still_known(written, tmp_path):
    out = tmp_path / 'old'
    shutil.copytree(written, out)
    record = json.loads((out / 'synth.json').read_text())
    assert record.pop('domains') == {'houses': 1.0}
    assert record.pop('digit_crops') is None
    (out / 'synth.json').write_text(json.dumps(record))
    assert write_dataset(out, CONFIG) is False


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('houses', "'houses': must be NAME=WEIGHT"),
        ('houses=x', 'NAME=WEIGHT'),
        ('', 'NAME=WEIGHT'),
        ('a=1,a=2', 'twice'),
    ],
)
def test_a_list_of_domains_in_another_form_is_refused(text, said):
    with pytest.raises(UserError, match=said):
        parse_domains(text)


def test_same_settings_are_already_there(written):
    before = contents(written)
    assert write_dataset(written, CONFIG) is False
    assert contents(written) == before


def test_anything_else_is_left_alone(written):
    before = contents(written)
    with pytest.raises(UserError, match='choose another folder'):
        write_dataset(written, SynthConfig(images=12, seed=4))
    assert contents(written) == before


@pytest.mark.parametrize(('name', 'text'), [('synth.json', 'mine'), ('synth.json', '[' * 5000), ('notes.txt', 'mine')])
def test_a_folder_with_other_files_is_left_alone(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=str(tmp_path)):
        write_dataset(tmp_path, CONFIG)
    assert contents(tmp_path) == {name: text.encode()}


def test_an_out_that_is_a_file_is_named(tmp_path):
    (tmp_path / 'file').write_text('mine')
    with pytest.raises(UserError, match='file'):
        write_dataset(tmp_path / 'file' / 'set', CONFIG)
    with pytest.raises(UserError, match='holds something else'):
        write_dataset(tmp_path / 'file', CONFIG)


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def full_disk(rows):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(dataset, 'coco_json', full_disk)
    with pytest.raises(UserError, match='No space left'):
        write_dataset(tmp_path / 'set', CONFIG, workers=1)
    assert list(tmp_path.iterdir()) == []
