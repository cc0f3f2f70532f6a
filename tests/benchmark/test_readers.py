import subprocess

import pytest
from helpers.onnx_models import save, whole_image_model
from PIL import Image

from custom.benchmark import readers, rivals, task_first, task_read, task_single
from custom.benchmark.candidate import ROOT, Settings
from custom.benchmark.readers import FEW, MODELS, busy_processes
from custom.utils.errors import UserError


@pytest.fixture
def settings(tmp_path):
    """Short rounds with two photos, and tiny models in the place of the exported ones."""
    (tmp_path / 'photos').mkdir()
    for name in ('1.png', '2.png'):
        Image.new('RGB', (60, 30)).save(tmp_path / 'photos' / name)
    for name in MODELS.values():
        save(whole_image_model(), tmp_path / name)
    return Settings(images=str(tmp_path / 'photos'), short=True, scratch=str(tmp_path))


@pytest.mark.parametrize('task', [task_read, task_single])
def test_a_round_reads_the_photos(task, settings):
    assert [task.prepare(candidate, settings).run() for candidate in MODELS] == [FEW, FEW]


@pytest.mark.parametrize(('task', 'calls'), [(task_read, ['read_many'] * 2), (task_single, ['read'] * 2 * FEW)])
def test_photos_are_read_in_batches_or_one_at_a_time(task, calls, settings, monkeypatch):
    called = []

    class Reader:
        def read(self, photo):
            called.append('read')

        def read_many(self, photos):
            called.append('read_many')
            return map(str, photos)

    monkeypatch.setattr(readers, 'open_reader', lambda *_: Reader())
    prepared = task.prepare('torch', settings)
    assert [prepared.run(), prepared.run()] == [FEW, FEW]
    assert called == calls


@pytest.mark.parametrize('task', [task_read, task_single])
def test_rapidocr_reads_the_same_photos_and_is_optional(task, settings, monkeypatch):
    shapes = []
    monkeypatch.setattr(rivals, 'open_rapidocr', lambda line: lambda pixels: shapes.append((line, pixels.shape)))
    assert task.prepare('rapidocr', settings).run() == FEW
    assert shapes == [(False, (30, 60, 3))] * FEW
    assert task.OPTIONAL == ('rapidocr',)


@pytest.mark.integration
def test_a_round_of_first_is_a_process(settings):
    assert task_first.prepare('ours', settings).run() == 1


def test_first_reads_one_photo_with_either_reader(settings, monkeypatch):
    commands = []

    def run(command, **options):
        commands.append(command[1:])
        return subprocess.CompletedProcess(command, len(commands) - 1, stderr=b'a traceback\nerror: no memory\n\n')

    monkeypatch.setattr(subprocess, 'run', run)
    photo = f'{settings.images}/1.png'
    assert task_first.prepare('torch', settings).run() == 1
    with pytest.raises(UserError, match=r'^error: no memory$'):
        task_first.prepare('ours', settings).run()
    assert commands == [
        [str(ROOT / 'tools/predict.py'), photo],
        ['-c', task_first.COMMAND, photo, '--model', f'{settings.scratch}/float32.onnx'],
    ]


def test_the_files_are_exported_in_both_precisions(settings, monkeypatch):
    made = []
    monkeypatch.setattr(
        'custom.commands.export_onnx.export_onnx', lambda *args, int8=None: made.append((args[2].name, int8))
    )
    assert task_read.prepare(readers.FILES, settings).run() == 1
    assert [name for name, _ in made] == ['float32.onnx', 'int8.onnx']
    assert [bool(photos) for _, photos in made] == [False, True]


@pytest.mark.integration
def test_busy_processes_end_with_the_context():
    with busy_processes(2) as busy:
        assert [process.poll() for process in busy] == [None, None]
    assert all(process.poll() is not None for process in busy)
