import pytest

from custom.benchmark import task_eval
from custom.benchmark.candidate import Settings


def test_all_evaluations_give_the_same_twelve_figures(monkeypatch):
    monkeypatch.setattr(task_eval, 'FEW', 20)
    ours, *baselines = (task_eval.prepare(candidate, Settings(short=True)) for candidate in task_eval.CANDIDATES)
    assert ours.run() == 20
    assert list(ours.figures()) == list(task_eval.FIGURES)
    for baseline in baselines:
        assert baseline.run() == 20
        assert ours.figures() == pytest.approx(baseline.figures(), rel=0, abs=1e-12)
    assert 0.3 < ours.figures()['AP'] < 0.7
