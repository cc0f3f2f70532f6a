from pathlib import Path

import pytest

from custom.benchmark import task_startup
from custom.benchmark.candidate import Settings
from custom.utils.errors import UserError

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
    """The scratch folder, and both candidates."""
    scratch = tmp_path_factory.mktemp('startup')
    settings = Settings(scratch=str(scratch))
    return scratch, {candidate: task_startup.prepare(candidate, settings) for candidate in task_startup.CANDIDATES}


def test_both_tools_get_to_their_first_batch(prepared):
    scratch, candidates = prepared
    for candidate, one in candidates.items():
        assert one.run() == 1
        assert (scratch / candidate / 'weights.pth').stat().st_size > 100_000_000
        log = next((scratch / candidate / 'work').rglob('*.log')).read_text()
        assert 'scale=(\n' in log or 'scale=(512, 128)' in log
        assert 'num_classes=10' in log
    assert len(list((scratch / 'data/valid').iterdir())) == task_startup.VALID


def test_a_tool_that_fails_ends_the_round_with_its_last_line(prepared):
    scratch, candidates = prepared
    annotations = Path(scratch, 'data/valid.json')
    moved = annotations.rename(scratch / 'moved.json')
    with pytest.raises(UserError, match=r'valid\.json: no such file'):
        candidates['ours'].run()
    moved.rename(annotations)
