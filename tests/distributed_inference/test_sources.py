import os
import zipfile

import pytest
from PIL import Image

from custom.distributed_inference.shards import Shard
from custom.distributed_inference.sources import plan_shards
from custom.utils.errors import UserError


def photos(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        Image.new('RGB', (20, 10)).save(folder / name, 'PNG')
    return [str(folder / name) for name in names]


def names_of(shards):
    return [name for shard in shards for name in shard.photos or (shard.container,)]


def test_a_folder_is_split_in_natural_order(tmp_path):
    names = photos(tmp_path / 'in', *(f'{i}.png' for i in range(1, 21)))
    shards = plan_shards([str(tmp_path / 'in')])
    assert names_of(shards) == names
    assert [shard.count for shard in shards] == [8, 8, 4]  # LEAST photos a shard


def test_a_large_source_has_shards_of_1000_photos(tmp_path):
    (tmp_path / 'list.txt').write_text(''.join(f'{i}.png\n' for i in range(32_500)))
    shards = plan_shards([str(tmp_path / 'list.txt')])
    assert [shard.count for shard in shards] == [1000] * 32 + [500]


def test_a_pattern_and_a_photo_given_twice(tmp_path):
    first, second = photos(tmp_path / 'in', '1.png', '2.png')
    assert names_of(plan_shards([second, str(tmp_path / 'in' / '*.png')])) == [second, first]


def test_tar_files_beside_photos_are_shards_of_their_own(tmp_path, capsys):
    photos(tmp_path / 'in', '1.png', '3.png', '4.png')
    for name in ('2.tar', 'notes.docx'):
        (tmp_path / 'in' / name).touch()
    shards = plan_shards([str(tmp_path / 'in')])
    assert names_of(shards) == [str(tmp_path / 'in' / name) for name in ('1.png', '2.tar', '3.png', '4.png')]
    assert shards[1] == Shard(container=str(tmp_path / 'in/2.tar'))
    assert '1 × file or folder that is no photo' in capsys.readouterr().err


def test_a_list_is_relative_to_its_folder_and_may_name_a_photo_that_has_gone(tmp_path):
    (first,) = photos(tmp_path / 'in', '1.png')
    (tmp_path / 'list.txt').write_text('in/1.png\n\n/gone.png\n')
    assert names_of(plan_shards([str(tmp_path / 'list.txt')])) == [first, '/gone.png']


@pytest.mark.parametrize(
    ('content', 'fault'), [(b'\n', 'list.txt: is empty'), (b'\xff.png', 'list.txt: must be UTF-8')]
)
def test_a_list_without_photos(tmp_path, content, fault):
    (tmp_path / 'list.txt').write_bytes(content)
    with pytest.raises(UserError, match=fault):
        plan_shards([str(tmp_path / 'list.txt')])


def test_a_list_is_a_regular_file(tmp_path):
    os.mkfifo(tmp_path / 'list.txt')
    with pytest.raises(UserError, match=r'list\.txt: cannot be read \(a named pipe, not a regular file\)'):
        plan_shards([str(tmp_path / 'list.txt')])


def test_fsspec_lists_folders_patterns_and_files(tmp_path, capsys):
    names = photos(tmp_path / 'in', '1.png', '2.png', '10.png')
    (tmp_path / 'in/notes.docx').touch()
    url = (tmp_path / 'in').as_uri()
    wanted = [f'file://{name}' for name in names]
    assert names_of(plan_shards([url])) == wanted
    assert f'{url}: 1 × file or folder that is no photo' in capsys.readouterr().err
    assert names_of(plan_shards([f'{url}/1*.png'])) == [wanted[0], wanted[2]]
    assert names_of(plan_shards([f'{url}/2.png'])) == [wanted[1]]


def test_fsspec_lists_a_zip_file(tmp_path):
    (name,) = photos(tmp_path / 'in', '1.png')
    with zipfile.ZipFile(tmp_path / 'photos.zip', 'w') as archive:
        archive.write(name, 'a/1.png')
    chain = (tmp_path / 'photos.zip').as_uri()
    assert names_of(plan_shards([f'zip://a/*.png::{chain}'])) == [f'zip://a/1.png::{chain}']


@pytest.mark.parametrize(
    ('source', 'fault'),
    [
        ('gone.png', r'gone\.png: file not found'),
        ('gone.txt', r'gone\.txt: no such file'),
        ('file:///gone', r'file:///gone: no photo found'),
        ('nofs://bucket', r'nofs://bucket: cannot be listed \(Protocol not known: nofs\)'),
    ],
)
def test_a_source_that_is_missing(source, fault):
    with pytest.raises(UserError, match=fault):
        plan_shards([source])


def write_table(path, columns, rows_per_group=2):
    pa = pytest.importorskip('pyarrow', reason='no pyarrow: requirements-ray.txt is not installed')
    from pyarrow import parquet

    parquet.write_table(pa.table(columns), path, row_group_size=rows_per_group)


def test_row_groups_are_put_together_up_to_the_size_of_a_shard(tmp_path, monkeypatch):
    monkeypatch.setattr('custom.distributed_inference.sources.MOST', 5)
    path = str(tmp_path / 'photos.parquet')
    write_table(path, {'bytes': [b''] * 11})
    assert plan_shards([path]) == [
        Shard(container=path, groups=(0, 1), first_row=0, count=4),
        Shard(container=path, groups=(2, 3), first_row=4, count=4),
        Shard(container=path, groups=(4, 5), first_row=8, count=3),
    ]


def test_a_damaged_parquet_file_is_one_shard(tmp_path):
    pytest.importorskip('pyarrow', reason='no pyarrow: requirements-ray.txt is not installed')
    path = tmp_path / 'photos.parquet'
    path.write_text('no Parquet')
    assert plan_shards([str(path)]) == [Shard(container=str(path))]


@pytest.mark.parametrize(
    ('columns', 'fault'),
    [
        ({'label': [1]}, 'has no column of bytes among label; name the column of the photos bytes'),
        ({'a': [b''], 'b': [b'']}, r'has 2 columns of bytes \(a, b\) among a, b; name'),
    ],
)
def test_a_parquet_file_without_a_column_of_photos(tmp_path, columns, fault):
    write_table(tmp_path / 'photos.parquet', columns)
    with pytest.raises(UserError, match=fault):
        plan_shards([str(tmp_path / 'photos.parquet')])
