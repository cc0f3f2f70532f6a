import pytest

from custom.distributed_inference.run_folder import RunFolder
from custom.distributed_inference.shards import Shard
from custom.utils.errors import UserError

SHARDS = [Shard(photos=('1.png', '\udcff.png'), count=2), Shard(container='a.tar')]
RUN = {'photos': ['in'], 'options': {'crop': (1, 2, 3, 4)}}


def test_a_run_goes_on_at_the_shards_without_results(tmp_path):
    out = tmp_path / 'out'
    assert not RunFolder.is_run(out)
    run = RunFolder.create(out, SHARDS, RUN)
    assert RunFolder.is_run(out)
    assert run.open_shards() == [0, 1]
    run.file_of(1).parent.mkdir()
    run.file_of(1).touch()
    unfinished = run.file_of(0).with_name('.000000.parquet.0123456789abcdef')
    unfinished.touch()
    again = RunFolder.resume(out, RUN)
    assert again.shards == SHARDS
    assert again.open_shards() == [0]
    assert not unfinished.exists()
    assert [path.name for path in again.files()] == ['000000.parquet', '000001.parquet']


def test_the_folder_of_a_run_is_not_taken_for_another(tmp_path):
    RunFolder.create(tmp_path, SHARDS, RUN)
    with pytest.raises(UserError, match='has the results of a run; go on with --resume'):
        RunFolder.create(tmp_path, SHARDS, RUN)


def test_a_run_is_not_resumed_with_other_settings(tmp_path):
    RunFolder.create(tmp_path, SHARDS, RUN)
    with pytest.raises(UserError, match=r"was started with photos \['in'\], not \['other'\]"):
        RunFolder.resume(tmp_path, {**RUN, 'photos': ['other']})
    with pytest.raises(UserError, match=r'was started with min_confidence None, not 0\.5'):
        RunFolder.resume(tmp_path, {**RUN, 'min_confidence': 0.5})


@pytest.mark.parametrize('content', ['', 'no json\n', '{"version": 0}\n', '{"version": 1}\n{"photo": 1}\n', '[]\n'])
def test_a_damaged_manifest(tmp_path, content):
    (tmp_path / 'shards.jsonl').write_text(content)
    with pytest.raises(UserError, match=r'shards\.jsonl: is damaged \(.+\); start the run anew'):
        RunFolder.resume(tmp_path, {})
