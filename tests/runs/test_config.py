from pathlib import Path

import pytest
from helpers.project import ROOT

from custom.runs.config import load_config, select_split
from custom.utils.errors import UserError

CONFIG = ROOT / 'configs/digits_frcnn.py'


def test_the_work_dir_is_the_argument_else_the_configs_else_named_after_the_config():
    assert load_config(CONFIG).work_dir == 'work_dirs/digits_frcnn'
    assert load_config(CONFIG, ['work_dir=/b']).work_dir == '/b'
    assert load_config(CONFIG, ['work_dir=/b'], work_dir='/a').work_dir == '/a'


def test_a_base_of_mmdetection_is_found_without_a_search_in_its_yaml_files(monkeypatch):
    from mmengine.config import Config, utils

    found, stock = Config.fromfile(CONFIG), Config._get_cfg_path
    monkeypatch.delattr(utils, '_get_cfg_metainfo')
    assert load_config(CONFIG).model == found.model
    assert Config._get_cfg_path is stock


def test_another_config_of_mmdetection_is_a_base_too(tmp_path):
    (tmp_path / 'x.py').write_text("_base_ = 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'")
    with pytest.raises(UserError, match=r'num_classes=80: must be 10'):  # the settings of the base
        load_config(tmp_path / 'x.py')


def test_the_error_on_a_missing_config_lists_the_existing_ones(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(UserError, match=r'configs/digits_frcn\.py: no such config.*configs/digits_frcnn\.py'):
        load_config('configs/digits_frcn.py')


def test_in_a_folder_without_configs_the_error_lists_those_of_the_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f'no such config; there are: {CONFIG}'):
        load_config('configs/digits_frcnn.py')


def test_a_config_that_is_no_python_is_named(tmp_path):
    (tmp_path / 'x.py').write_text('model = (')
    with pytest.raises(UserError, match=r'x\.py: cannot be read as a config'):
        load_config(tmp_path / 'x.py')


def test_the_test_split_is_labelled_if_test_json_has_boxes(tmp_path):
    def dataset(split):
        cfg = load_config(CONFIG, [f'data_root={tmp_path}'])
        assert select_split(cfg, split) == tmp_path / split
        return cfg.test_dataloader.dataset

    assert dataset('valid').ann_file == 'valid.json'
    assert dataset('test').type == 'DigitFolder'
    (tmp_path / 'test.json').write_text('{"images": []}')  # a list of photos without labels
    assert dataset('test').type == 'DigitFolder'
    (tmp_path / 'test.json').write_text('{"annotations": [{"bbox": [1, 2, 3, 4]}]}')
    assert dataset('test').type == 'DigitDataset'
    assert dataset('test').ann_file == 'test.json'


def test_a_folder_of_photos_replaces_a_split(tmp_path):
    (tmp_path / 'test.json').write_text('{"annotations": [{"bbox": [1, 2, 3, 4]}]}')
    cfg = load_config(CONFIG, [f'data_root={tmp_path}'])
    pipeline = cfg.test_dataloader.dataset.pipeline
    assert select_split(cfg, 'test', 'my/photos') == Path('my/photos')
    dataset = cfg.test_dataloader.dataset
    assert (dataset.type, dataset.data_root, dataset.data_prefix.img) == ('DigitFolder', '', 'my/photos')
    assert dataset.pipeline == pipeline
