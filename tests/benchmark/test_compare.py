"""Comparison: turns, choice of baselines, table, JSON; of a toy task that takes no time and of given numbers."""

import json
from types import SimpleNamespace

import pytest
from helpers.project import run_tool

from custom.benchmark.compare import Comparison, Outcome, as_json, choose, disagreements, summarize, table
from custom.utils.errors import UserError


@pytest.mark.integration
def test_candidates_take_turns_after_a_warm_up_round(run, capsys):
    comparison = run(['ours', 'ours-small', 'other'])
    ready = ['ours is ready, the first', 'ours-small is ready, finds weights', 'other is ready, finds weights']
    assert run.log == ready + ['ours', 'ours-small', 'other'] * 3
    assert (comparison.task, comparison.unit) == ('task', 'photos')
    assert list(comparison.outcomes) == ['ours', 'ours-small', 'other']
    outcome = comparison.outcomes['other']
    assert outcome.what == 'another one'
    assert outcome.units == [6, 6]  # without the warm-up round
    assert len(outcome.seconds) == 2
    assert outcome.facts == {'GFLOP': 2.0, 'batch': 4}
    assert outcome.figures == {'AP': 0.505}
    assert comparison.disagreements == ['AP of ours-small, 0.45, differs from that of other, 0.505, by more than 0.01']
    results, progress = capsys.readouterr()
    assert results == ''
    assert progress.startswith('task: preparing ours\n')
    assert 'task: round 2 of 2, about 0 s left\n' in progress


@pytest.mark.integration
def test_scratch_folders_are_removed(run, tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'temp'))
    (tmp_path / 'temp').mkdir()
    run(['ours'])
    with pytest.raises(UserError):
        run(['bad-start'])
    assert list((tmp_path / 'temp').iterdir()) == []


def task(name, *candidates):
    return SimpleNamespace(__name__=name, CANDIDATES=dict.fromkeys(candidates, ''))


INFER = task('infer', 'ours', 'stock', 'torchvision', 'torchvision-v2')
EVAL = task('eval', 'ours', 'pycocotools')


@pytest.mark.parametrize(
    ('against', 'infer'),
    [
        ([], ['ours', 'stock', 'torchvision', 'torchvision-v2']),
        (['stock'], ['ours', 'stock']),
        (['torchvision'], ['ours', 'torchvision', 'torchvision-v2']),
        (['torchvision-v2', 'stock'], ['ours', 'stock', 'torchvision-v2']),
        (['pycocotools'], ['ours', 'stock', 'torchvision', 'torchvision-v2']),
    ],
)
def test_baselines_are_chosen_by_name(against, infer):
    # a task that has none of the named baselines gets all of its own
    assert choose([INFER, EVAL], against) == {'infer': infer, 'eval': ['ours', 'pycocotools']}


def test_an_optional_baseline_is_compared_only_if_it_is_named():
    read = task('read', 'ours', 'torch', 'rapidocr')
    read.OPTIONAL = ('rapidocr',)
    assert choose([read], []) == {'read': ['ours', 'torch']}
    assert choose([read], ['rapidocr']) == {'read': ['ours', 'rapidocr']}


@pytest.mark.parametrize('name', ['tensorflow', 'ours', 'torch'])
def test_an_unknown_baseline_is_refused_with_a_list_of_the_known(name):
    message = f'--against {name}: no such baseline here; there are pycocotools, stock, torchvision, torchvision-v2'
    with pytest.raises(UserError, match=message):
        choose([INFER, EVAL], ['stock', name])


@pytest.mark.integration
@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['all', '--against', 'tensorflow'], '--against tensorflow: no such baseline here; there are '),
        (['sleep'], "argument task: invalid choice: 'sleep'"),
        (['eval', '--pairs', '0'], '--pairs 0: give at least 1'),
        (['train', '--batch', '0'], '--batch 0: give at least 1'),
        (['infer', '--weights', 'no.pth'], '--weights no.pth: no such file'),
        (['infer', '--picture', 'p.png'], '--picture p.png: not an option of infer; leave it out'),
        (['profile', '--json', 'p.json'], '--json p.json: not an option of profile; leave it out'),
        (['infer', '--images', 'no/folder'], '--images no/folder: no such folder'),
    ],
)
def test_the_tool_refuses_bad_options(args, message):
    done = run_tool('benchmark.py', *args)
    assert done.returncode == 2
    assert message in done.stderr
    assert 'Traceback' not in done.stderr
    assert done.stdout == ''


@pytest.mark.integration
@pytest.mark.slow
def test_the_tool_measures_and_writes_json(tmp_path):
    options = ['--short', '--pairs', 1, '--json', tmp_path / 'out/bench.json', '--quiet']
    done = run_tool('benchmark.py', 'eval', *options, fresh=True)
    assert (done.returncode, done.stderr) == (0, '')
    assert 'eval: photos/s, median (min-max) of 1 round, taken in turns' in done.stdout
    content = json.loads((tmp_path / 'out/bench.json').read_text())
    assert content['machine']['cores'] >= 1
    assert content['settings']['short'] is True
    assert list(content['tasks']) == ['eval']
    assert content['tasks']['eval']['disagreements'] == []


def outcome(seconds, facts=None, figures=None, gpu=None, units=12):
    return Outcome('what it is', facts or {}, [units] * len(seconds), seconds, 250.4, gpu, figures or {})


OURS = outcome([0.1, 0.2, 0.12], {'GFLOP': 2.0}, {'AP': 0.5})  # 120, 60, 100 photos/s
BASELINE = outcome([1.2, 0.6, 2.4], {'GFLOP': 4.0, 'batch': 4}, {'AP': 0.25})  # 10, 20, 5 photos/s
COMPARISON = Comparison('infer', 'photos', {'ours': OURS, 'stock': BASELINE}, ['AP differs'])


def test_ratios_are_those_of_each_round():
    (pair,) = COMPARISON.ratios()
    assert pair == ('ours', 'stock')
    assert COMPARISON.ratios()[pair] == pytest.approx([12, 3, 20])
    assert list(summarize(COMPARISON.ratios()[pair]).values()) == pytest.approx([12, 3, 20])


def test_ratios_of_each_of_ours_with_each_baseline():
    names = ['ours', 'stock', 'ours-small', 'torchvision']
    comparison = Comparison('infer', 'photos', dict.fromkeys(names, OURS), [])
    assert list(comparison.ratios()) == [
        ('ours', 'stock'),
        ('ours', 'torchvision'),
        ('ours-small', 'stock'),
        ('ours-small', 'torchvision'),
    ]


def test_the_table():
    assert table(COMPARISON).splitlines() == [
        'infer: photos/s, median (min-max) of 3 rounds, taken in turns after a warm-up',
        '           photos/s  seconds a round  peak MB  GFLOP/s  batch    AP',
        'ours   100 (60-120)   0.12 (0.1-0.2)      250      200      -   0.5',
        'stock     10 (5-20)    1.2 (0.6-2.4)      250       40      4  0.25',
        'ours / stock: 12 (3-20) times as fast, by neighbouring rounds',
        'ours: what it is',
        'stock: what it is',
        'DISAGREES: AP differs',
    ]


def test_memory_of_a_gpu_has_a_column():
    comparison = Comparison('infer', 'photos', {'ours': outcome([1.0], gpu=1234.5)}, [])
    assert table(comparison).splitlines()[1:3] == [
        '        photos/s  seconds a round  peak MB  GPU MB',
        'ours  12 (12-12)          1 (1-1)      250    1234',
    ]


def test_the_json_has_every_round():
    content = json.loads(as_json({'cores': 2}, {'pairs': 3}, [COMPARISON]))
    assert content['machine'] == {'cores': 2}
    assert content['settings'] == {'pairs': 3}
    infer = content['tasks']['infer']
    assert infer['unit'] == 'photos'
    assert infer['disagreements'] == ['AP differs']
    (ratio,) = infer['ratios']
    assert (ratio['ours'], ratio['rival'], ratio['median']) == ('ours', 'stock', pytest.approx(12))
    assert ratio['rounds'] == pytest.approx([12, 3, 20])
    stock = infer['contestants']['stock']
    assert stock['seconds'] == [1.2, 0.6, 2.4]
    assert stock['units_per_s']['rounds'] == pytest.approx([10, 20, 5])
    assert stock['gflop_per_s'] == pytest.approx(40)
    assert stock['figures'] == {'AP': 0.25}
    assert infer['contestants']['ours']['peak_gpu_mb'] is None


@pytest.mark.parametrize(('most', 'lines'), [(0.25, 0), (0.2, 1)])
def test_figures_may_differ_by_the_allowed_difference(most, lines):
    outcomes = {'ours': OURS, 'stock': BASELINE}
    assert len(list(disagreements(outcomes, {'AP': most, 'a missing figure': 0}))) == lines


def test_a_figure_that_is_nan_disagrees():
    outcomes = {'ours': OURS, 'stock': outcome([1.0] * 3, figures={'AP': float('nan')})}
    assert list(disagreements(outcomes, {'AP': 1})) == [
        'AP of ours, 0.5, differs from that of stock, nan, by more than 1'
    ]
