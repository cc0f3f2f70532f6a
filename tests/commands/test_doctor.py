import json
import subprocess
import sys
from collections import namedtuple
from importlib import metadata

import pytest
import torch
from helpers.project import ROOT
from packaging.requirements import Requirement
from PIL import Image

from custom.commands import doctor

Usage = namedtuple('Usage', 'free')


def only(findings):
    (finding,) = findings
    return finding


def test_a_finding_prints_its_remedy_on_a_second_line():
    assert str(doctor.Finding('ok', 'fine')) == 'ok    fine'
    assert str(doctor.Finding('wrong', 'broken', 'glue it')) == 'wrong broken\n      -> glue it'


@pytest.mark.parametrize(('version', 'level'), [((3, 9, 1), 'wrong'), ((3, 12, 0), 'ok'), ((3, 14, 0), 'wrong')])
def test_python_must_be_one_that_the_packages_install_on(monkeypatch, version, level):
    monkeypatch.setattr(sys, 'version_info', version)
    assert only(doctor.python()).level == level


def test_pins_are_those_for_this_python(tmp_path):
    (tmp_path / 'requirements.txt').write_text(
        "# a comment\nsix==1.2 # why\nold==1.0 ; python_version < '3.0'\nnew==2.0 ; python_version >= '3.0'\n"
    )
    assert [str(pin).split(';')[0].strip() for pin in doctor.pins(tmp_path / 'requirements.txt')] == [
        'six==1.2',
        'new==2.0',
    ]
    assert 'torch' in [pin.name for pin in doctor.pins()]


def test_missing_different_and_duplicate_packages(monkeypatch):
    installed = {'here': '1.0+cpu', 'padded': '1.002', 'moved': '3.0', 'mmdet': '3.3.0'}

    def version(name):
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(doctor.metadata, 'version', version)
    monkeypatch.setattr(
        doctor, 'pins', lambda: map(Requirement, ['here==1.0', 'padded==1.2', 'moved==2.0', 'gone==1.0'])
    )
    missing, others, both = doctor.packages()
    assert (missing.level, missing.text) == ('wrong', '1 packages are not installed: gone')
    assert (others.level, others.text) == ('note', '1 packages in another version: moved 3.0 (moved==2.0)')
    assert both.level == 'wrong'
    assert 'pip uninstall mmdet,' in both.remedy
    monkeypatch.setattr(doctor, 'pins', lambda: [Requirement('here==1.0')])
    del installed['mmdet']
    assert only(doctor.packages()).level == 'ok'


def test_an_environment_without_packages_is_wrong(monkeypatch):
    monkeypatch.setitem(sys.modules, 'packaging.requirements', None)  # importing it raises ImportError
    finding = only(doctor.packages())
    assert finding.level == 'wrong'
    assert finding.remedy.startswith('make setup')


def test_the_libraries_of_this_environment_work_together():
    levels = [finding.level for finding in doctor.libraries()]
    assert levels == ['ok', 'ok', 'ok']


def test_a_torchvision_that_does_not_fit_is_wrong(monkeypatch):
    monkeypatch.setitem(sys.modules, 'torchvision', None)  # importing it raises ImportError
    finding = only(doctor.libraries())
    assert finding.level == 'wrong'
    assert torch.__version__ in finding.text
    assert finding.remedy.startswith('make clean setup')


def test_a_gpu_that_the_driver_does_not_offer_is_noted(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 0)
    monkeypatch.setattr(doctor.shutil, 'which', lambda name: '/usr/bin/nvidia-smi')
    monkeypatch.setattr(torch.version, 'cuda', '12.8')
    assert 'built for CUDA 12.8 but finds no device' in only(doctor.gpu()).text
    monkeypatch.setattr(torch.version, 'cuda', None)
    assert 'built without CUDA' in only(doctor.gpu()).text


def test_a_gpu_is_shown_with_its_memory(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    monkeypatch.setattr(torch.cuda, 'mem_get_info', lambda index: (3 * 2**30, 8 * 2**30))
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda index: 'Toy')
    assert only(doctor.gpu()) == ('ok', 'GPU 0: Toy, 3.0 of 8.0 GiB free', '')


def test_a_full_disk_is_wrong(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.shutil, 'disk_usage', lambda folder: Usage(1e9))
    assert only(doctor.disk(tmp_path)).level == 'wrong'
    monkeypatch.setattr(doctor.shutil, 'disk_usage', lambda folder: Usage(9e9))
    assert only(doctor.disk(tmp_path)).text.startswith('disk: 9.0 GB free in /')


def test_missing_weights_are_noted(tmp_path):
    assert only(doctor.weights(tmp_path)).level == 'note'
    (tmp_path / 'a.safetensors').write_bytes(b'1' * 1_500_000)
    assert only(doctor.weights(tmp_path)).text == 'a.safetensors: 1.5 MB'


def test_no_network_is_noted_quickly():
    finding = only(doctor.network('host.invalid', seconds=1))
    assert finding.level == 'note'
    assert 'no connection to host.invalid' in finding.text


def test_a_data_set_is_counted_and_its_mistakes_are_reported(tmp_path):
    (tmp_path / 'train').mkdir()
    Image.new('RGB', (30, 20)).save(tmp_path / 'train/1.png')
    box = {'id': 1, 'image_id': 1, 'bbox': [1, 2, 5, 9], 'category_id': 1, 'area': 45, 'iscrowd': 0}
    truth = {
        'images': [{'id': 1, 'file_name': '1.png', 'width': 30, 'height': 20}],
        'annotations': [box],
        'categories': [{'id': digit + 1, 'name': str(digit)} for digit in range(10)],
    }
    (tmp_path / 'train.json').write_text(json.dumps(truth))
    train, valid = doctor.data(tmp_path)
    assert (train.level, train.text) == ('ok', f'{tmp_path}: train has 1 photos, 1 digits')
    assert valid.level == 'wrong'
    assert 'valid.json' in valid.text


@pytest.mark.integration
def test_the_tool_ends_with_1_where_something_is_wrong(tmp_path):
    done = subprocess.run(
        [sys.executable, 'tools/doctor.py', '--data', str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert f'wrong {tmp_path}/train.json' in done.stdout
    assert f'wrong {tmp_path}/valid.json' in done.stdout
    assert done.stdout.endswith(' things to mend\n')
    assert done.stderr == ''
