import sys

import numpy as np
import pytest

from custom.distributed_inference import pipeline
from custom.distributed_inference.pipeline import Sink, require_ray
from custom.distributed_inference.run_folder import RunFolder
from custom.distributed_inference.shards import Loaded, Shard
from custom.utils.errors import UserError


class Counter:
    """A progress bar."""

    total = None
    count = 0

    def update(self, n):
        self.count += n


def test_without_ray_one_line_names_the_command_that_installs_it(monkeypatch):
    for name in ('pyarrow', 'pyarrow.parquet', 'ray', 'ray.data'):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=r'--engine ray needs Ray Data \(.+\); pip install -r requirements-ray\.txt'):
        require_ray()


@pytest.fixture
def pa():
    return pytest.importorskip('pyarrow', reason='no pyarrow: requirements-ray.txt is not installed')


def table(pa, shard, indices, last=None):
    rows = [
        {'shard': shard, 'index': i, 'last': i == last, 'file': f'{shard}/{i}.png', 'number': str(i)} for i in indices
    ]
    return pa.Table.from_pylist(rows, pipeline.placed_schema())


def test_a_shard_is_written_once_all_its_photos_are_there(pa, tmp_path):
    from pyarrow import parquet

    run = RunFolder.create(tmp_path, [Shard(photos=('a', 'b', 'c'), count=3), Shard(container='a.tar')], {})
    bar = Counter()
    sink = Sink(run, run.open_shards(), bar)
    assert bar.total is None
    sink.add(table(pa, 0, [2], last=2))
    sink.add(pa.concat_tables([table(pa, 1, [0]), table(pa, 0, [1])]))
    sink.add(table(pa, 0, [1]))  # from a task that was repeated
    assert run.open_shards() == [0, 1]
    sink.add(table(pa, 0, [0]))
    assert run.open_shards() == [1]
    assert parquet.read_table(run.file_of(0))['number'].to_pylist() == ['0', '1', '2']
    assert (bar.count, bar.total) == (4, 6)  # the tar file is taken to have 3 photos, too
    with pytest.raises(UserError, match='1 shards are not finished; go on with --resume'):
        sink.end()
    sink.add(table(pa, 0, [0, 1, 2], last=2))  # a finished shard
    assert set(sink.rows) == set(sink.tables) == {1}
    sink.add(table(pa, 1, [1], last=1))
    assert run.open_shards() == []
    assert (bar.count, bar.total) == (5, 5)
    sink.end()


@pytest.mark.parametrize(
    ('shard', 'loaders'),
    [
        (Shard(photos=('/photos/1.png', 'photos/2.png'), count=2), 22),
        (Shard(container='photos.tar'), 22),
        (Shard(photos=('1.png', 's3://bucket/2.png'), count=2), 64),
        (Shard(container='s3://bucket/photos.tar'), 64),
    ],
)
def test_actors_share_loaders_of_local_files(shard, loaders):
    assert pipeline.loaders_for([(0, Shard(container='a.tar')), (1, shard)], 64) == loaders
    assert pipeline.loaders_for([(0, Shard(container='a.tar'))], 1) == 1


def test_a_shard_is_loaded_in_chunks(pa, monkeypatch):
    photos = [Loaded('a.png', np.full((2, 3, 3), 7, np.uint8)), Loaded('b.png', UserError('b.png: gone'))] * 2
    monkeypatch.setattr(pipeline, 'load_shard', lambda shard: iter(photos))
    monkeypatch.setattr(pipeline, 'CHUNK', 17)  # bytes; a photo has 18
    rows = pa.table({'shard': [5], 'content': ['{"container": "a.tar"}']})
    first, second, third = (chunk.to_pylist() for chunk in pipeline._load(rows))
    assert [row['file'] for row in first + second + third] == ['a.png', 'b.png', 'a.png', 'b.png']
    assert [row['last'] for row in first + second + third] == [False, False, False, True]
    assert (first[0]['shard'], first[0]['index'], first[0]['error']) == (5, 0, None)
    assert (first[0]['height'], first[0]['width'], first[0]['pixels']) == (2, 3, b'\7' * 18)
    assert (second[0]['error'], second[0]['pixels']) == ('b.png: gone', None)
