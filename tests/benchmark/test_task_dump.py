import json

import pytest

from custom.benchmark import task_dump
from custom.benchmark.candidate import Settings
from custom.utils.errors import UserError


def test_a_submission_and_the_json_of_stock_are_equal(monkeypatch, tmp_path):
    monkeypatch.setattr(task_dump, 'FEW', 20)
    settings = Settings(short=True, scratch=str(tmp_path))
    candidates = {candidate: task_dump.prepare(candidate, settings) for candidate in task_dump.CANDIDATES}
    assert {one.run() for one in candidates.values()} == {20}
    assert all(one.figures()['MB to write'] >= 0 for one in candidates.values())
    files = sorted(path.name for path in (tmp_path / 'ours').iterdir())
    assert files == ['pred.csv', 'pred.json', 'reader.json', 'submission.zip']
    ours, stock = (json.loads((tmp_path / path).read_bytes()) for path in ('ours/pred.json', 'stock/pred.bbox.json'))
    assert len(ours) == len(stock) == 2000
    for one, other in zip(ours, stock, strict=True):
        assert one.keys() == other.keys()
        assert (one['image_id'], one['category_id']) == (other['image_id'], other['category_id'])
        assert [*one['bbox'], one['score']] == pytest.approx([*other['bbox'], other['score']], abs=0.001)


def test_a_wrong_submission_ends_the_round(monkeypatch, tmp_path):
    monkeypatch.setattr(task_dump, 'FEW', 3)
    run = task_dump.prepare('ours', Settings(short=True, scratch=str(tmp_path))).run
    monkeypatch.setattr('custom.engine.hooks.submission.complete_submission', lambda *_: None)
    with pytest.raises(UserError, match='no such file'):
        run()
