import csv
import json
import re

import pytest
from helpers.onnx_models import save, whole_image_model
from PIL import Image

from custom.inference.options import ReadingOptions
from custom.onnx_reader.command import main


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command in a folder with two photos and a model; return its exit code, stdout and stderr."""
    save(whole_image_model(), tmp_path / 'a.onnx')
    Image.new('RGB', (100, 40)).save(tmp_path / '1.png')
    Image.new('RGB', (20, 40)).save(tmp_path / '2.png')
    monkeypatch.chdir(tmp_path)

    def run(*args):
        monkeypatch.setattr('sys.argv', ['digits-reader', *args])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, *capsys.readouterr()

    return run


def test_photos_are_read_and_written_like_those_of_predict(run, tmp_path):
    code, out, err = run('.', '--out', 'out', '--model', 'a.onnx', '--show-boxes')
    assert (code, out) == (0, '1.png\t7\t0.900\t7 0.90 [0, 0, 100, 40]\n2.png\t7\t0.900\t7 0.90 [0, 0, 20, 40]\n')
    assert err.endswith('out: numbers.csv and pred.json of 2 photos, their copies in annotated/\n')
    rows = list(csv.reader((tmp_path / 'out/numbers.csv').open()))
    assert rows == [
        ['file', 'number', 'confidence', 'answer', 'image_id'],
        ['1.png', '7', '0.9', 'read', '1'],
        ['2.png', '7', '0.9', 'read', '2'],
    ]
    first = json.loads((tmp_path / 'out/pred.json').read_text())[0]
    assert first == {'image_id': 1, 'bbox': [0.0, 0.0, 100.0, 40.0], 'score': 0.9, 'category_id': 8}
    assert sorted(path.name for path in (tmp_path / 'out/annotated').iterdir()) == ['1.png', '2.png']


def test_a_photo_that_cannot_be_read_gives_exit_code_1(run, tmp_path):
    (tmp_path / '1.png').write_text('no photo')
    code, out, err = run('1.png', '2.png', '--model', 'a.onnx')
    assert (code, out) == (1, '2.png\t7\t0.900\t7 0.90\n')
    assert err.startswith('error: 1.png: is not a photo that can be read')


def test_bad_input_is_one_line_and_exit_code_2(run):
    assert run('gone.png', '--model', 'a.onnx')[::2][0] == 2
    code, out, err = run('1.png', '--model', '2.png')
    assert (code, out) == (2, '')
    assert err.startswith('error: 2.png: is no model, or damaged (')
    assert err.count('\n') == 1
    code, _, err = run('1.png', '--min-confidence', '7')
    assert (code, err.splitlines()[-1]) == (2, 'digits-reader: error: --min-confidence 7.0: must be from 0 to 1')


def test_a_terminal_gets_a_header_and_a_line_that_sums_up(run, tmp_path, monkeypatch):
    for stream in ('stdout', 'stderr'):
        monkeypatch.setattr(f'sys.{stream}.isatty', lambda: True)
    (tmp_path / 'notes.pdf').touch()
    code, out, err = run('.', '--model', 'a.onnx', '--min-confidence', '0.95', '--device', 'cpu')
    header, first, _ = out.splitlines()
    assert header.split() == ['file', 'number', 'confidence', 'digits', 'and', 'their', 'scores']
    assert header.index('confidence') + len('confidence') == first.index('0.900') + len('0.900')
    assert code == 0
    lines = err.splitlines()
    assert lines[1] == 'loading the model'
    assert re.fullmatch(r'2 photos, \d+ ms each, 2 unsure, 2 files passed over', lines[-1])
    code, _, err = run('.', '--model', 'a.onnx', '--device', 'NoSuchProvider')
    assert code == 2
    assert err.splitlines()[-1].startswith('error: NoSuchProvider: this onnxruntime has no such execution provider')


def test_help_and_versions_need_no_model(run):
    code, out, _ = run('--help')
    assert (code, 'digits-reader meter.jpg' in out) == (0, True)
    code, out, _ = run('--version')
    assert (code, 'numpy: ' in out) == (0, True)


def test_serve_passes_the_address_and_what_is_known_about_the_photos(run, monkeypatch):
    served = []
    monkeypatch.setattr('custom.serving.server.serve', lambda *arguments: served.append(arguments))
    code, out, err = run('serve', '--model', 'a.onnx', '--port', '0', '--crop', '1,2,30,40', '--digits', '5')
    assert (code, out, err) == (0, '', '')
    ((open_reader, host, port),) = served
    assert (host, port) == ('127.0.0.1', 0)
    assert open_reader().options == ReadingOptions(crop=(1, 2, 30, 40), digits=5)


def test_a_missing_folder_is_not_watched_and_not_made(run, tmp_path):
    code, out, err = run('--watch', 'gone', '--model', 'a.onnx')
    assert (code, out, err) == (2, '', 'error: gone: cannot be watched (No such file or directory); give a folder\n')
    assert not (tmp_path / 'gone').exists()
