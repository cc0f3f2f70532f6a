"""The wheel of tools/wheel/, built once, in a process that cannot import torch and what else it must not need."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from helpers.onnx_models import save, whole_image_model
from helpers.project import ROOT
from PIL import Image

pytestmark = pytest.mark.integration

FORBIDDEN = ['torch', 'torchvision', 'mmdet', 'mmengine', 'mmcv', 'timm', 'cv2', 'h5py', 'matplotlib', 'pandas', 'onnx']
FORBIDDEN += ['msgspec', 'orjson', 'scipy', 'tqdm', 'yaml', 'jinja2', 'custom', 'fastapi']


@pytest.fixture(scope='module')
def wheel(tmp_path_factory) -> Path:
    """The wheel with a tiny model, built in a copy of what it is made of."""
    root = tmp_path_factory.mktemp('project')
    for name in ('custom', 'LICENSE', 'weights', 'pyproject.toml'):
        (root / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / 'tools/wheel', root / 'tools/wheel')
    (root / 'work_dirs/wheel').mkdir(parents=True)
    save(whole_image_model(), root / 'work_dirs/wheel/digits_frcnn_lite.onnx')
    command = [sys.executable, '-m', 'hatchling', 'build', '--target', 'wheel', '--directory', str(root / 'dist')]
    done = subprocess.run(command, cwd=root / 'tools/wheel', capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = (root / 'dist').iterdir()
    return path


def test_the_wheel_holds_the_packages_without_torch_and_names_three_dependencies(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    packages = {name.split('/')[1] for name in names if name.startswith('digits_reader/') and name.count('/') > 1}
    torch_free = {
        'utils',
        'structures',
        'reading',
        'submission',
        'visualization',
        'inference',
        'serving',
        'onnx_reader',
    }
    assert packages == torch_free | {'model'}
    assert {'digits_reader/LICENSE', 'digits_reader/model/README.md'} <= set(names)
    assert not [name for name in names if '__pycache__' in name]
    metadata = zipfile.ZipFile(wheel).read(next(name for name in names if name.endswith('METADATA'))).decode()
    needed = [line.split()[1] for line in metadata.splitlines() if line.startswith('Requires-Dist') and ';' not in line]
    assert sorted(name.partition('>')[0] for name in needed) == ['numpy', 'onnxruntime', 'pillow']


def test_the_wheel_reads_photos_where_nothing_else_can_be_imported(wheel, tmp_path):
    site = tmp_path / 'site'
    zipfile.ZipFile(wheel).extractall(site)
    Image.new('RGB', (100, 40)).save(tmp_path / '1.png')
    code = (
        f'import sys; sys.path.insert(0, {str(site)!r}); sys.modules.update(dict.fromkeys({FORBIDDEN!r}))\n'
        'from digits_reader import DigitReader\n'
        'print(DigitReader().read("1.png").number)\n'
        'sys.argv = ["digits-reader", "1.png", "--out", "out"]\n'
        'from digits_reader.onnx_reader.command import main; main()'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == '7\n1.png\t7\t0.900\t7 0.90\n'
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['annotated', 'numbers.csv', 'pred.json']


@pytest.mark.skipif(not shutil.which('make'), reason='make is not installed')
def test_make_exports_the_model_again_when_its_code_or_config_changed(tmp_path):
    for name in ('configs', 'custom', 'requirements.txt', 'tools', 'weights'):
        (tmp_path / name).symlink_to(ROOT / name)
    model = 'work_dirs/wheel/digits_frcnn_lite.onnx'
    (tmp_path / model).parent.mkdir(parents=True)
    (tmp_path / model).touch()

    def exports(changed: str) -> bool:
        command = ['make', '--dry-run', '--file', str(ROOT / 'Makefile'), '--what-if', changed, model]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return f' {model}' in done.stdout

    assert not exports('tools/train.py')
    for changed in ('weights/reader.json', 'custom/models/onnx_graph.py', 'configs/_base_/digits_tta.py'):
        assert exports(changed), changed
