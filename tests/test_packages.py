"""Imports and `__init__.py` of the packages of custom."""

import importlib
from pathlib import Path

import pytest
from helpers.project import ROOT, run_python

PACKAGES = sorted(path.parent for path in (ROOT / 'custom').rglob('__init__.py'))
TORCH_FREE = [
    'utils',
    'structures',
    'reading',
    'submission',
    'evaluation',
    'data',
    'runs',
    'visualization',
    'report',
    'synth',
    'inference',
    'distributed_inference',
    'tuning',
]


@pytest.mark.integration
def test_the_packages_below_models_and_datasets_import_no_torch():
    modules = [
        '.'.join(path.relative_to(ROOT).with_suffix('').parts)
        for package in TORCH_FREE
        for path in sorted((ROOT / 'custom' / package).rglob('*.py'))
    ]
    assert len(modules) > 50
    code = (
        f'import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n'
        'print(sorted({"torch", "torchvision", "mmdet", "mmengine", "mmcv"} & set(sys.modules)))'
    )
    assert run_python(code) == ['[]']


@pytest.mark.parametrize('folder', PACKAGES, ids=lambda folder: folder.name)
def test_a_package_has_a_docstring_and_names_its_modules(folder: Path):
    package = importlib.import_module('.'.join(folder.relative_to(ROOT).parts))
    assert package.__doc__.endswith('.\n') or package.__doc__.endswith('.')
    if package.__name__ != 'custom':
        inside = [path.stem for path in folder.glob('*.py')] + [
            path.parent.name for path in folder.glob('*/__init__.py')
        ]
        assert package.__all__ == sorted(set(inside) - {'__init__'})


def test_every_test_has_a_kind(request):
    for item in request.session.items:
        kinds = {mark.name for mark in item.iter_markers()} & {'unit', 'integration', 'slow'}
        assert kinds and ('unit' not in kinds or kinds == {'unit'}), item.nodeid


@pytest.mark.parametrize('name', ['custom', 'digits_frcnn'])
def test_the_reader_is_listed_before_it_is_imported(name):
    assert run_python(f"import {name}, sys; print('DigitReader' in dir({name}), 'torch' in sys.modules)") == [
        'True',
        'False',
    ]
