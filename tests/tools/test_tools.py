"""tools/train.py and tools/test.py as a person runs them, on a tiny data set."""

import csv
import importlib.util
import json
import re
import shutil
import subprocess
import sys

import pytest
import torch
from helpers.project import FAST, ROOT, run_tool
from mmengine.config import Config

pytestmark = [pytest.mark.integration, pytest.mark.slow]
LITE = ROOT / 'configs' / 'digits_frcnn_lite.py'


def evaluate(root, work_dir, *more, fresh=False):
    options = ['--cfg-options', f'data_root={root}', *FAST]
    return run_tool('test.py', LITE, *more, '--work-dir', work_dir, *options, fresh=fresh)


def test_a_training_run_leaves_what_a_person_needs(trained):
    root, work_dir, done = trained
    lines = done.stdout.splitlines()
    opening, *lines = lines
    assert opening.startswith('training on 6 photos, validation on 3 | ')
    assert f' | 1 epoch of 3 steps | output in {work_dir}' in opening
    assert len(lines) == 4  # one for the epoch, two for the reader, one for where everything is
    assert lines[0].startswith('epoch 1/1 | loss ')
    assert 'number accuracy' in lines[0]
    assert '\x1b' not in done.stdout + done.stderr  # no colour codes in a pipe
    assert lines[1].startswith('reader tuned on 3 photos: number accuracy ')
    assert lines[2].startswith(f'it is in {work_dir}/best_number_accuracy_epoch_1.pth, and in {work_dir}/reader.json')
    assert str(work_dir) in lines[3]
    names = {path.name for path in work_dir.iterdir()}
    assert {'digits_frcnn_lite.py', 'environment.txt', 'epoch_1.pth', 'last_checkpoint', 'reader.json'} <= names
    assert list(work_dir.glob('best_*.pth'))
    assert list(work_dir.glob('*/*.log'))
    assert list(work_dir.rglob('events.out.tfevents.*'))
    assert list(work_dir.rglob('vis_image/validation_1.png'))
    logged = [json.loads(line) for path in work_dir.rglob('scalars.json') for line in path.open()]
    assert any(line.get('photos_per_s', 0) > 0 for line in logged)
    assert f"data_root = '{root}'" in (work_dir / 'digits_frcnn_lite.py').read_text()


def test_training_resumes_where_it_stopped(trained, tmp_path):
    root, work_dir, _ = trained
    work = shutil.copytree(work_dir, tmp_path / 'work')
    options = [f'data_root={root}', 'train_cfg.max_epochs=2', *FAST]
    done = run_tool('train.py', 'digits_frcnn_lite', '--work-dir', work, '--resume', '--cfg-options', *options)
    assert done.returncode == 0, done.stderr
    opening, first, *_ = done.stdout.splitlines()
    assert '| continued after epoch 1 of 2 |' in opening
    assert first.startswith('epoch 2/2 | loss ')


def test_a_used_work_dir_is_left_alone(trained):
    root, work_dir, _ = trained
    before = {path: path.read_bytes() for path in work_dir.rglob('*') if path.is_file()}
    done = run_tool('train.py', ROOT / 'configs/digits_frcnn.py', '--work-dir', work_dir, '--cfg-options', *FAST)
    assert done.returncode == 2
    refused = run_tool('train.py', LITE, '--work-dir', work_dir, '--cfg-options', f'data_root={root}', *FAST)
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f'error: {work_dir}: holds a trained run (epoch_1.pth): continue it by --resume, or choose')
    assert {path: path.read_bytes() for path in work_dir.rglob('*') if path.is_file()} == before


def test_a_work_dir_stands_for_its_config_and_its_checkpoint(trained, tmp_path):
    root, work_dir, _ = trained
    work = shutil.copytree(work_dir, tmp_path / 'work')
    (best,) = work.glob('best_*.pth')
    for arguments in (['digits_frcnn_lite', work, '--dump', '--cfg-options', f'data_root={root}', *FAST], [work]):
        done = run_tool('test.py', *arguments, '--split', 'valid')
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f'{best} on {root / "valid"}\n')
    assert (work / 'valid/pred.json').is_file()
    done = run_tool('export_weights.py', work, tmp_path / 'mine.safetensors')
    assert (done.returncode, (tmp_path / 'mine.safetensors').is_file()) == (0, True), done.stderr
    done = run_tool('report.py', best, '--out', tmp_path / 'report.html')
    assert done.returncode == 0, done.stderr
    assert ' of 3 photos' in done.stdout


def test_valid_prints_figures_and_dumps_a_submission_that_checks(trained, tmp_path):
    root, work_dir, _ = trained
    plain = evaluate(root, work_dir, '--split', 'valid', fresh=True)
    assert plain.returncode == 0, plain.stderr
    folder = tmp_path / 'valid'
    dumped = evaluate(root, work_dir, '--split', 'valid', '--dump', folder)
    assert dumped.returncode == 0, dumped.stderr
    (best,) = work_dir.glob('best_*.pth')
    lines = plain.stdout.splitlines()
    assert lines[0] == f'{best} on {root / "valid"}'
    assert lines[1].startswith('reader: score threshold')
    assert f' from {best}, tuned on valid.json (cross-validated number accuracy ' in lines[1]
    assert lines[1].endswith(', Wilson)')
    assert ' of 3 photos; 95 % interval ' in lines[2]
    assert [line for line in lines if 'AP50' in line]
    assert dumped.stdout.splitlines()[: len(lines)] == lines  # dumping changes no figure
    check = run_tool('dump_results.py', folder / 'pred.json', '--ann', root / 'valid.json', '--check')
    assert check.returncode == 0, check.stdout
    tuned = json.loads((work_dir / 'reader.json').read_text())
    assert json.loads((folder / 'reader.json').read_text()) == tuned
    dumped = {path.name: path.read_bytes() for path in folder.iterdir()}
    again = run_tool('dump_results.py', folder / 'pred.json', '--ann', root / 'valid.json')
    assert again.stdout.splitlines()[2:] == lines[2:]  # the same figures without the model
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == dumped


def test_the_reader_of_the_weights_or_of_the_option_is_used(trained, tmp_path):
    root, work_dir, _ = trained
    reader = json.loads((work_dir / 'reader.json').read_text())

    def read_with(checkpoint, *more):
        done = evaluate(root, work_dir, checkpoint, *more)
        return done, done.stdout.splitlines()[1] if done.returncode == 0 else None

    (best,) = work_dir.glob('best_*.pth')
    untuned = read_with(best, '--reader', 'none', '--dump', tmp_path / 'none')[1]
    assert untuned == 'reader: score threshold 0.6 from the config'
    assert json.loads((tmp_path / 'none/reader.json').read_text())['fingerprint'] == reader['fingerprint']
    mine = tmp_path / 'mine.json'
    mine.write_text(json.dumps({**reader, 'number': {'score_thr': 0.125}, 'tuned_on': {}}))
    assert (
        read_with(best, '--reader', mine, '--dump', tmp_path / 'out')[1] == f'reader: score threshold 0.125 from {mine}'
    )
    dumped = json.loads((tmp_path / 'out/reader.json').read_text())
    assert (dumped['number']['score_thr'], dumped['fingerprint']) == (0.125, reader['fingerprint'])

    stored = torch.load(best, weights_only=False)
    weights = {key: value * 0.5 if value.is_floating_point() else value for key, value in stored['state_dict'].items()}
    torch.save({'state_dict': weights}, tmp_path / 'other.pth')
    (tmp_path / 'reader.json').write_text(json.dumps(reader))
    done, line = read_with(tmp_path / 'other.pth')
    assert line == 'reader: score threshold 0.6 from the config'
    (note,) = done.stderr.splitlines()
    assert note.startswith(
        f'note: reader of {tmp_path / "reader.json"}: tuned for other weights ({reader["fingerprint"]}) than '
    )
    done, _ = read_with(tmp_path / 'other.pth', '--reader', mine)
    assert done.returncode == 2
    (error,) = done.stderr.splitlines()
    assert error.startswith(f'error: {mine}: tuned for other weights')
    done, _ = read_with(best, '--dump', work_dir)
    assert done.returncode == 2
    assert 'would replace the reader.json of' in done.stderr
    assert json.loads((work_dir / 'reader.json').read_text()) == reader


def test_unlabelled_photos_are_dumped_with_the_named_checkpoint_and_the_run_stays(trained, tmp_path):
    root, work_dir, _ = trained
    config = (work_dir / 'digits_frcnn_lite.py').read_bytes()
    checkpoint = work_dir / 'epoch_1.pth'
    plain = evaluate(root, work_dir, checkpoint, '--dump', tmp_path / 'plain')
    assert plain.returncode == 0, plain.stderr
    assert 'nothing to score' in plain.stdout
    with (tmp_path / 'plain' / 'pred.csv').open() as file:
        assert [row['image_id'] for row in csv.DictReader(file)] == ['1', '2']
    found = json.loads((tmp_path / 'plain' / 'pred.json').read_text())
    assert all(1 <= box['category_id'] <= 10 for box in found)
    other = torch.load(checkpoint, weights_only=False)
    other['state_dict'] = {key: value * 0 for key, value in other['state_dict'].items()}
    torch.save(other, tmp_path / 'other.pth')
    options = [f'data_root={root}', f'load_from={tmp_path / "other.pth"}', *FAST]
    arguments = [LITE, checkpoint, '--work-dir', work_dir, '--dump', tmp_path / 'again', '--cfg-options', *options]
    again = run_tool('test.py', *arguments)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / 'again' / 'pred.json').read_bytes() == (tmp_path / 'plain' / 'pred.json').read_bytes()
    assert (work_dir / 'digits_frcnn_lite.py').read_bytes() == config


def test_a_folder_of_photos_is_tested_instead_of_a_split(trained, tmp_path):
    root, work_dir, _ = trained
    (tmp_path / 'some photos').mkdir()
    shutil.copy(root / 'valid/3.png', tmp_path / 'some photos/33.png')
    checkpoint = work_dir / 'epoch_1.pth'
    done = evaluate(root, tmp_path / 'work', checkpoint, '--images', tmp_path / 'some photos', '--dump')
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f'{checkpoint} on {tmp_path / "some photos"}\n')
    assert 'no truth for these 1 photos: nothing to score' in done.stdout
    rows = (tmp_path / 'work/some photos/pred.csv').read_text().splitlines()
    assert [row.split(',')[0] for row in rows] == ['image_id', '33']


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        (['configs/digits_frcn.py'], 'no such config; there are: configs/digits_frcnn.py'),
        ([LITE, '--cfg-options', 'train_cfg.max_epoch=2'], 'did you mean train_cfg.max_epochs?'),
        ([LITE, '--amp', '--cfg-options', *FAST], '--amp: no GPU found'),
        ([LITE, '--cfg-options', 'data_root=/nowhere', *FAST], '/nowhere/train.json: no such file'),
        ([LITE, '--epochs', '3'], '--epochs 3: no such option; the setting is --cfg-options train_cfg.max_epochs=3'),
        ([LITE, '--batch-size=4'], 'the setting is --cfg-options train_dataloader.batch_size=4'),
        ([LITE, '--resume', '/nowhere/x.pth', '--cfg-options', *FAST], '/nowhere/x.pth'),
    ],
)
def test_a_mistake_in_train_is_one_line(tmp_path, change, said):
    if '--amp' in change and torch.cuda.is_available():
        pytest.skip('this machine has a GPU, so --amp is no slip here')
    config, *more = change
    done = run_tool('train.py', config, '--work-dir', tmp_path / 'work', *more)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith('error: ')
    assert said in done.stderr
    assert 'Traceback' not in done.stderr
    assert not (tmp_path / 'work').exists()


def test_training_without_data_names_the_way_to_some(tmp_path):
    done = run_tool('train.py', LITE, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        'error: data/synth/train.json: no such file; make demo-data draws synthetic images there; '
        'data_root=DIR takes your own data set\n'
    )
    yolo = tmp_path / 'mine'
    for name in ('images/1.jpg', 'labels/1.txt', 'data.yaml'):
        (yolo / name).parent.mkdir(parents=True, exist_ok=True)
        (yolo / name).touch()
    done = run_tool('train.py', LITE, '--cfg-options', f'data_root={yolo}', cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f'error: {yolo}/train.json: no such file; this is a YOLO folder: import it by '
        f'python tools/prepare_data.py yolo --src {yolo} --out data/mine, then set data_root=data/mine\n'
    )
    assert not (tmp_path / 'work_dirs').exists()


def test_a_logger_whose_package_is_missing_is_one_line(tmp_path, tiny_root):
    if importlib.util.find_spec('clearml'):
        pytest.skip('clearml is installed')
    backends = "visualizer.vis_backends=[{'type': 'LocalVisBackend'}, {'type': 'ClearMLVisBackend'}]"
    options = ['--cfg-options', f'data_root={tiny_root}', *FAST, backends]
    done = run_tool('train.py', LITE, '--work-dir', tmp_path / 'work', *options)
    assert done.returncode == 2
    assert done.stderr == ('error: ClearMLVisBackend: the package clearml is not installed: pip install clearml\n')
    assert not (tmp_path / 'work').exists()


@pytest.mark.parametrize(
    ('tool', 'missing'),
    [
        ('train.py', 'numpy, PIL, tqdm, torch, mmengine'),
        ('predict.py', 'numpy, PIL, tqdm, torch, mmengine'),
        ('doctor.py', 'numpy, PIL, tqdm'),
    ],
)
def test_without_the_environment_a_tool_says_how_to_enter_it(tool, missing):
    done = subprocess.run([sys.executable, '-I', '-S', ROOT / 'tools' / tool], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ''
    (line,) = done.stderr.splitlines()
    assert re.fullmatch(rf'error: \S+ has no {missing}: (make setup, then )?\. \S*\.venv/bin/activate', line)


def test_weights_that_cannot_be_fetched_are_named_with_the_way_out(tmp_path, tiny_root):
    options = [
        f'data_root={tiny_root}',
        *FAST[1:],
        'model.backbone.init_cfg.checkpoint=http://127.0.0.1:9/resnet50.pth',
    ]
    config = ROOT / 'configs' / 'digits_frcnn.py'
    done = run_tool(
        'train.py', config, '--work-dir', tmp_path / 'work', '--cfg-options', *options, TORCH_HOME=str(tmp_path)
    )
    assert done.returncode == 2
    assert 'model.backbone.init_cfg=None' in done.stderr
    assert 'Traceback' not in done.stderr
    assert not (tmp_path / 'work').exists()  # the model and its data were built before


@pytest.mark.parametrize('bad', ['none', 'text', 'truncated', 'no photo'])
def test_a_mistake_in_test_is_one_line(trained, tmp_path, bad):
    root, work_dir, _ = trained
    checkpoint = tmp_path / 'x.pth'
    if bad == 'none':
        done = evaluate(root, tmp_path / 'empty')
        said = 'empty: holds no checkpoint; train first'
    elif bad == 'no photo':
        (tmp_path / 'root' / 'test').mkdir(parents=True)
        done = evaluate(tmp_path / 'root', work_dir, work_dir / 'epoch_1.pth')
        said = 'root/test: holds no photo'
    else:
        whole = (work_dir / 'epoch_1.pth').read_bytes()
        checkpoint.write_bytes(b'hello' if bad == 'text' else whole[: len(whole) // 2])
        done = evaluate(root, tmp_path / 'work', checkpoint)
        said = str(checkpoint)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith('error: ')
    assert said in done.stderr
    assert 'Traceback' not in done.stderr


def test_a_mixture_goes_on_with_pseudo_labels(trained, tmp_path):
    root, work_dir, _ = trained
    pseudo = ROOT / 'configs' / 'digits_frcnn_lite_pseudo.py'
    for name in Config.fromfile(pseudo).labelled_sets:
        (tmp_path / 'sets').mkdir(exist_ok=True)
        (tmp_path / 'sets' / name).symlink_to(root)
    options = [f'{key}={root}' for key in ('data_root', 'synth_root', 'houses_root')]
    options += [f'domains_root={tmp_path}/sets', f'pseudo_ann={root}/valid.json']
    options += [f'pseudo_photos={root}/valid', f'load_from={work_dir}/epoch_1.pth']
    options += ['train_dataloader.sampler.epoch_size=6', 'train_cfg.max_epochs=1']
    done = run_tool('train.py', pseudo, '--work-dir', tmp_path / 'run', '--cfg-options', *options, *FAST)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].startswith('epoch 1/1 | loss ')
    assert not list((tmp_path / 'run').glob('best_*.pth'))  # the last epoch counts
