import json

from custom.runs.curves import read_scalars, scalar_files, series


def log(folder, rows, name='scalars.json'):
    (folder / 'vis_data').mkdir(parents=True)
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / 'vis_data' / name).write_text('\n'.join(lines))


def train(step, loss, epoch=1):
    return {'loss': loss, 'lr': 0.1, 'epoch': epoch, 'iter': step, 'step': step}


def test_training_and_validation_rows(tmp_path):
    log(tmp_path / '20260101_000000', [train(50, 2.0), train(100, 1.0), {'number/accuracy': 0.5, 'step': 1}])
    scalars = read_scalars(tmp_path)
    assert series(scalars.training, 'loss') == ([50, 100], [2.0, 1.0])
    assert series(scalars.validation, 'number/accuracy') == ([1], [0.5])
    assert series(scalars.validation, 'gone') == ([], [])
    assert scalars.by_epoch


def test_a_resumed_run_replaces_the_rows_of_repeated_steps(tmp_path):
    log(tmp_path / '20260102_000000', [train(100, 0.9), train(150, 0.5), {'number/accuracy': 0.6, 'step': 2}])
    first = [train(50, 2.0), {'number/accuracy': 0.5, 'step': 1}, train(100, 1.0), train(120, 0.8)]
    log(tmp_path / '20260101_000000', first)
    (tmp_path / '20260103_000000').mkdir()  # a test leaves no vis_data
    scalars = read_scalars(tmp_path)
    assert series(scalars.training, 'loss') == ([50, 100, 150], [2.0, 0.9, 0.5])
    assert series(scalars.validation, 'number/accuracy') == ([1, 2], [0.5, 0.6])
    assert [path.parts[-3] for path in scalar_files(tmp_path)] == ['20260101_000000', '20260102_000000']


def test_lines_that_are_no_rows_are_skipped(tmp_path):
    rows = [train(50, 2.0), 'null', '[1]', '[' * 5000, '{"loss": 1.0}', '', '{"loss": 1.5, "st']
    log(tmp_path / 'a', rows)
    assert series(read_scalars(tmp_path).training, 'loss') == ([50], [2.0])


def test_values_that_are_not_finite_are_left_out(tmp_path):
    log(
        tmp_path / 'a',
        [
            '{"loss": NaN, "step": 1}',
            '{"loss": Infinity, "step": 2}',
            '{"loss": "x", "step": 3}',
            '{"loss": 1, "step": 4}',
        ],
    )
    assert series(read_scalars(tmp_path).training, 'loss') == ([4], [1.0])
    assert not read_scalars(tmp_path).by_epoch


def test_the_file_has_another_name(tmp_path):
    log(tmp_path / 'a', [train(50, 2.0)], name='20260101_000000.json')
    assert len(read_scalars(tmp_path).training) == 1


def test_no_training(tmp_path):
    assert read_scalars(tmp_path) == ([], [])
    (tmp_path / 'a' / 'vis_data').mkdir(parents=True)
    assert scalar_files(tmp_path) == []
