import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from custom.distributed_inference import shards
from custom.distributed_inference.shards import Shard, load_shard
from custom.utils import tar_files
from custom.utils.errors import UserError


def png(grey):
    file = io.BytesIO()
    Image.new('L', (3, 2), grey).save(file, 'PNG')
    return file.getvalue()


def loaded(shard):
    """Name of each photo, and the grey of its pixels or its error."""
    found = []
    for name, pixels in load_shard(shard):
        if isinstance(pixels, UserError):
            found.append((name, str(pixels)))
        else:
            assert pixels.shape == (2, 3, 3) and pixels.dtype == np.uint8
            found.append((name, int(pixels[0, 0, 0])))
    return found


def make_tar(path, members, mode='w'):
    with tarfile.open(path, mode) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return str(path)


def test_photos_that_cannot_be_read_have_a_reason(tmp_path):
    good, bad, gone = (str(tmp_path / name) for name in ('1.png', '2.png', '3.png'))
    (tmp_path / '1.png').write_bytes(png(7))
    (tmp_path / '2.png').write_text('no photo')
    (tmp_path / '4.png').write_bytes(png(9))
    remote = [(tmp_path / name).as_uri() for name in ('4.png', '3.png')]
    first, second, third, fourth, fifth = loaded(Shard(photos=(good, bad, gone, *remote)))
    assert (first, fourth) == ((good, 7), (remote[0], 9))
    assert second[0] == bad and second[1].startswith(f'{bad}: is not a photo that can be read')
    assert third == (gone, f'{gone}: no such file')
    assert fifth == (remote[1], f'{remote[1]}: no such file')


@pytest.mark.parametrize('mode', ['w', 'w:gz'])
def test_the_photos_of_a_tar_file(tmp_path, mode):
    members = {'a/1.png': png(1), 'a/1.json': b'{}', '._2.png': b'', '2.png': b'no photo', '3.PNG': png(3)}
    path = make_tar(tmp_path / 'photos.tar', members, mode)
    first, second, third = loaded(Shard(container=path))
    assert (first, third) == ((f'{path}/a/1.png', 1), (f'{path}/3.PNG', 3))
    assert second[1].startswith(f'{path}/2.png: is not a photo that can be read')


def test_photos_that_are_too_large_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, 'MOST_BYTES', 100)
    large = png(2) + bytes(100)
    path = make_tar(tmp_path / 'photos.tar', {'1.png': png(1), '2.png': large, '3.png': png(3)})
    first, second, third = loaded(Shard(container=path))
    assert (first, third) == ((f'{path}/1.png', 1), (f'{path}/3.png', 3))
    fault = 'cannot be read (larger than 0 MB); replace or remove it'
    assert second == (f'{path}/2.png', f'{path}/2.png: {fault}')
    (tmp_path / '2.png').write_bytes(large)
    url = (tmp_path / '2.png').as_uri()
    assert loaded(Shard(photos=(url,))) == [(url, f'{url}: {fault}')]


def test_a_tar_file_with_long_headers_has_an_error_after_its_photos(tmp_path, monkeypatch):
    monkeypatch.setattr(tar_files, 'MOST_HEADERS', 1000)
    path = make_tar(tmp_path / 'photos.tar', {'1.png': png(1), f'{"a" * 20_000}.png': png(2), '3.png': png(3)})
    fault = 'is damaged after 1 photos (the headers of a member have more than 0.001 MB); replace it'
    assert loaded(Shard(container=path)) == [(f'{path}/1.png', 1), (path, f'{path}: {fault}')]


def test_a_damaged_tar_file_has_an_error_after_its_photos(tmp_path):
    path = make_tar(tmp_path / 'photos.tar', {'1.png': png(1), '2.png': png(2) + bytes(5000)})
    content = (tmp_path / 'photos.tar').read_bytes()
    (tmp_path / 'photos.tar').write_bytes(content[:3000])
    first, second = loaded(Shard(container=path))
    assert first == (f'{path}/1.png', 1)
    assert second[0] == path and second[1].startswith(f'{path}: is damaged after 1 photos (')


@pytest.mark.parametrize('members', [{}, {'1.txt': b'7'}])
def test_a_tar_file_without_photos(tmp_path, members):
    path = make_tar(tmp_path / 'photos.tar', members)
    assert loaded(Shard(container=path)) == [(path, f'{path}: holds no photo')]


def test_a_container_that_has_gone(tmp_path):
    path = str(tmp_path / 'gone.tar')
    assert loaded(Shard(container=path)) == [(path, f'{path}: no such file')]


def test_a_remote_file_is_tried_three_times(monkeypatch):
    monkeypatch.setattr(shards, 'PAUSE', 0)
    tries = []

    def open_url(url):
        tries.append(url)
        if len(tries) < 3:
            raise TimeoutError('slow down')
        return io.BytesIO(png(5))

    monkeypatch.setattr(shards, '_open_url', open_url)
    assert loaded(Shard(photos=('s3://bucket/1.png',))) == [('s3://bucket/1.png', 5)]
    monkeypatch.setattr(shards, 'TRIES', 2)
    tries.clear()
    ((_, error),) = loaded(Shard(photos=('s3://bucket/1.png',)))
    assert error == 's3://bucket/1.png: cannot be read (slow down); replace or remove it'


def test_a_shard_as_json():
    for shard in (
        Shard(photos=('1.png',), count=1),
        Shard(container='a.parquet', groups=(1, 2), first_row=9, count=4),
        Shard(container='a.tar'),
    ):
        assert Shard.from_dict(shard.to_dict()) == shard
    assert Shard(container='a.tar').to_dict() == {'container': 'a.tar'}
    with pytest.raises(TypeError):
        Shard.from_dict({'photo': '1.png'})


def write_table(path, columns):
    pa = pytest.importorskip('pyarrow', reason='no pyarrow: requirements-ray.txt is not installed')
    from pyarrow import parquet

    parquet.write_table(pa.table(columns), path, row_group_size=2)
    return str(path)


def test_the_photos_of_a_parquet_file_are_named_by_a_column(tmp_path):
    columns = {'label': [b'x'] * 3, 'jpg': [png(1), None, png(3)], 'key': ['a', 'b', None]}
    path = write_table(tmp_path / 'photos.parquet', columns)
    first, second, third = loaded(Shard(container=path, groups=(0, 1), count=3))
    assert (first, third) == ((f'{path}/a', 1), (f'{path}/2', 3))
    assert second[1].startswith(f'{path}/b: is not a photo that can be read')
    assert loaded(Shard(container=path, groups=(1,), first_row=2, count=1)) == [(f'{path}/2', 3)]


def test_the_photos_of_a_hugging_face_data_set(tmp_path):
    images = [{'bytes': png(1), 'path': '1.png'}, {'bytes': png(2), 'path': None}]
    path = write_table(tmp_path / 'photos.parquet', {'image': images})
    assert loaded(Shard(container=path)) == [(f'{path}/1.png', 1), (f'{path}/1', 2)]


def test_a_row_group_that_is_too_large_is_not_decoded(tmp_path, monkeypatch):
    photos = [png(1), png(2), png(3) + bytes(4000), png(4), png(5)]
    path = write_table(tmp_path / 'photos.parquet', {'image': [{'bytes': one, 'path': None} for one in photos]})
    monkeypatch.setattr(shards, 'MOST_GROUP', 2000)
    first, second, error, last = loaded(Shard(container=path))
    assert (first, second, last) == ((f'{path}/0', 1), (f'{path}/1', 2), (f'{path}/4', 5))
    fault = 'row group 1 has 0 MB in image, more than 0; write smaller row groups, as by row_group_size=1000 of pyarrow'
    assert error == (path, f'{path}: {fault}')


def test_rows_that_share_a_large_value_are_decoded_one_at_a_time(tmp_path, monkeypatch):
    path = write_table(tmp_path / 'photos.parquet', {'image': [png(1)] * 4})
    from pyarrow import parquet

    sizes = []
    original = parquet.ParquetFile.iter_batches

    def batches(*args, **options):
        for batch in original(*args, **options):
            sizes.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(parquet.ParquetFile, 'iter_batches', batches)
    assert len(loaded(Shard(container=path))) == 4
    assert sizes == [1] * 4


def test_a_damaged_parquet_file(tmp_path):
    path = write_table(tmp_path / 'photos.parquet', {'bytes': [png(1)]})
    (tmp_path / 'photos.parquet').write_bytes(b'no Parquet')
    ((name, error),) = loaded(Shard(container=path))
    assert name == path and error.startswith(f'{path}: is damaged (')
