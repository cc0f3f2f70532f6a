"""Ratios, table and JSON from given numbers."""

import json

import pytest

from custom.benchmark.results import Comparison, Outcome, Spread, as_json, disagreements, machine_lines, table


def outcome(seconds, facts=None, figures=None, gpu=None, units=12):
    return Outcome('what it is', facts or {}, [units] * len(seconds), seconds, 250.4, gpu, figures or {})


OURS = outcome([0.1, 0.2, 0.12], {'GFLOP': 2.0}, {'AP': 0.5})  # 120, 60, 100 photos/s
RIVAL = outcome([1.2, 0.6, 2.4], {'GFLOP': 4.0, 'batch': 4}, {'AP': 0.25})  # 10, 20, 5 photos/s
FOUND = Comparison('infer', 'photos', {'ours': OURS, 'stock': RIVAL}, ['AP differs'])


def test_ratios_go_round_by_round():
    (pair,) = FOUND.ratios()
    assert pair == ('ours', 'stock')
    assert FOUND.ratios()[pair] == pytest.approx([12, 3, 20])
    assert Spread.of(FOUND.ratios()[pair]) == pytest.approx((12, 3, 20))


def test_each_of_ours_is_set_beside_each_rival():
    names = ['ours', 'stock', 'ours-small', 'torchvision']
    found = Comparison('infer', 'photos', dict.fromkeys(names, OURS), [])
    assert list(found.ratios()) == [
        ('ours', 'stock'),
        ('ours', 'torchvision'),
        ('ours-small', 'stock'),
        ('ours-small', 'torchvision'),
    ]


def test_the_table():
    assert table(FOUND).splitlines() == [
        'infer: photos/s, median (min-max) of 3 rounds, taken in turns after one to warm up',
        '           photos/s  seconds a round  peak MB  GFLOP/s  batch    AP',
        'ours   100 (60-120)   0.12 (0.1-0.2)      250      200      -   0.5',
        'stock     10 (5-20)    1.2 (0.6-2.4)      250       40      4  0.25',
        'ours / stock: 12 (3-20) times as fast, by pairs',
        'ours: what it is',
        'stock: what it is',
        'DISAGREES: AP differs',
    ]


def test_a_gpu_has_a_column_where_there_is_one():
    found = Comparison('infer', 'photos', {'ours': outcome([1.0], gpu=1234.5)}, [])
    assert table(found).splitlines()[1:3] == [
        '        photos/s  seconds a round  peak MB  GPU MB',
        'ours  12 (12-12)          1 (1-1)      250    1234',
    ]


def test_the_json_has_every_round():
    content = json.loads(as_json({'cores': 2}, {'pairs': 3}, [FOUND]))
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
def test_figures_may_differ_by_so_much(most, lines):
    outcomes = {'ours': OURS, 'stock': RIVAL}
    assert len(list(disagreements(outcomes, {'AP': most, 'what neither has': 0}))) == lines


def test_a_figure_that_is_no_number_disagrees():
    outcomes = {'ours': OURS, 'stock': outcome([1.0] * 3, figures={'AP': float('nan')})}
    assert list(disagreements(outcomes, {'AP': 1})) == [
        'AP of ours, 0.5, differs from that of stock, nan, by more than 1'
    ]


def test_the_machine_a_line_each():
    assert machine_lines({'processor': 'A', 'cores': 2}) == 'processor: A\ncores: 2'
