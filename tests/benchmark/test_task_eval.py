import pytest

from custom.benchmark import task_eval
from custom.benchmark.candidate import Settings


def test_both_evaluations_give_the_same_twelve_figures(monkeypatch):
    monkeypatch.setattr(task_eval, 'FEW', 20)
    ours, baseline = (task_eval.prepare(candidate, Settings(short=True)) for candidate in task_eval.CANDIDATES)
    assert ours.run() == baseline.run() == 20
    assert list(ours.figures()) == list(task_eval.FIGURES)
    assert ours.figures() == pytest.approx(baseline.figures(), rel=0, abs=1e-12)
    assert 0.3 < ours.figures()['AP'] < 0.7
