import subprocess
import sys
import warnings

import numpy as np
import pytest
from helpers.project import ROOT
from PIL import Image

from custom.structures.photos import FORMATS, MAX_PIXELS, Photo, image_id_of, list_photos, photo_size, read_photo
from custom.utils.errors import UserError


def touch(folder, *names):
    for name in names:
        Image.new('RGB', (2, 1)).save(folder / name)


def test_photos_come_in_natural_order_with_their_stems_as_ids(tmp_path):
    touch(tmp_path, '10.png', '2.jpg', '0001.bmp', '3.webp')
    (tmp_path / 'notes.txt').touch()
    (tmp_path / '.hidden.png').touch()
    (tmp_path / '9.png').mkdir()
    assert list_photos(tmp_path) == [Photo(1, '0001.bmp'), Photo(2, '2.jpg'), Photo(3, '3.webp'), Photo(10, '10.png')]


@pytest.mark.parametrize('suffix', [suffix for suffixes in FORMATS.values() for suffix in suffixes])
def test_every_format_is_listed_and_read(tmp_path, suffix):
    path = tmp_path / f'7{suffix.upper()}'
    kind = next(kind for kind, suffixes in FORMATS.items() if suffix in suffixes)
    Image.new({'.pfm': 'F', '.qoi': 'RGB'}.get(suffix, 'L'), (8, 8), 'white').save(path, kind)
    assert list_photos(tmp_path) == [Photo(7, path.name)]
    assert read_photo(path).tolist() == [[[255] * 3] * 8] * 8


def test_what_is_passed_over_is_counted_with_the_first_name(tmp_path, capsys):
    touch(tmp_path, '1.png', '.4.png', '._1.png')
    for name in ('10.heic', '2.psd', 'labels.json', '1.txt', '.DS_Store'):
        (tmp_path / name).touch()
    (tmp_path / 'more.png').mkdir()
    assert list_photos(tmp_path) == [Photo(1, '1.png')]
    said = capsys.readouterr().err
    assert '4 × file or folder that is no photo' in said
    assert 'first: 2.psd; convert HEIC to JPEG' in said


def test_a_broken_link_is_a_photo_that_cannot_be_read(tmp_path):
    (tmp_path / '1.png').symlink_to('gone.png')
    assert list_photos(tmp_path) == [Photo(1, '1.png')]
    with pytest.raises(UserError, match='no such file'):
        read_photo(tmp_path / '1.png')


def test_no_other_format_is_opened(tmp_path):
    Image.new('RGB', (8, 8)).save(tmp_path / '1.png', 'EPS')
    with pytest.raises(UserError, match='is not a photo that can be read; replace it by one of PNG'):
        read_photo(tmp_path / '1.png')


def test_heic_is_named(tmp_path):
    (tmp_path / '1.jpg').write_bytes(b'\0\0\0\x18ftypheic' + bytes(100))
    with pytest.raises(UserError, match='convert HEIC to JPEG'):
        read_photo(tmp_path / '1.jpg')


def test_other_names_get_ids_that_do_not_depend_on_their_neighbours(tmp_path):
    touch(tmp_path, 'my meter, "old".png', 'Zähler.png', 'a.png', 'a.jpg')
    before = {name: image_id for image_id, name in list_photos(tmp_path)}
    touch(tmp_path, 'new.png', '5.png')
    after = {name: image_id for image_id, name in list_photos(tmp_path)}
    assert {name: after[name] for name in before} == before
    assert len(set(after.values())) == 6
    assert all(10**15 <= image_id < 2**53 for image_id in before.values())


def test_two_photos_with_one_id_are_refused(tmp_path):
    touch(tmp_path, '7.png', '007.png')
    with pytest.raises(UserError, match=r"'(007|7)\.png' and '(007|7)\.png' would share one image id"):
        list_photos(tmp_path)


def test_ids_of_stems():
    assert image_id_of('0042.png') == 42
    assert image_id_of('4' * 16 + '.png') >= 10**15  # too long for an exact id in JSON


@pytest.mark.parametrize('make', [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_text('')])
def test_a_folder_without_photos_is_refused_with_its_name(tmp_path, make):
    make(tmp_path / 'in')
    with pytest.raises(UserError, match='in: '):
        list_photos(tmp_path / 'in')


@pytest.mark.parametrize('mode', ['L', 'RGB', 'P', 'LA', 'RGBA', 'I;16'])
def test_every_mode_reads_alike(tmp_path, mode):
    grey = np.array([[51, 204]], dtype=np.uint8)
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    image = deep if mode == 'I;16' else Image.fromarray(grey).convert(mode)
    image.save(tmp_path / 'x.png')
    assert Image.open(tmp_path / 'x.png').mode == mode
    assert read_photo(tmp_path / 'x.png').tolist() == [[[51] * 3, [204] * 3]]


def test_cmyk_reads_as_rgb(tmp_path):
    Image.new('CMYK', (8, 8), (0, 255, 255, 0)).save(tmp_path / 'x.jpg', quality=95)
    red, green, blue = read_photo(tmp_path / 'x.jpg')[4, 4]
    assert red > 200
    assert green < 60
    assert blue < 60


def test_what_is_transparent_lies_on_white(tmp_path):
    Image.fromarray(np.array([[[0, 0, 0, 0], [0, 0, 0, 255]]], dtype=np.uint8)).save(tmp_path / 'x.png')
    assert read_photo(tmp_path / 'x.png')[0, :, 0].tolist() == [255, 0]


def test_the_exif_turn_is_applied(tmp_path):
    image = Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    image.save(tmp_path / 'x.png', exif=exif)
    assert photo_size(tmp_path / 'x.png') == (2, 3)
    assert read_photo(tmp_path / 'x.png')[..., 0].tolist() == [[3, 0], [4, 1], [5, 2]]


def test_damaged_and_foreign_files_are_named(tmp_path):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (50, 50, 3), dtype=np.uint8)).save(tmp_path / 'whole.png')
    (tmp_path / 'half.png').write_bytes((tmp_path / 'whole.png').read_bytes()[:3000])
    (tmp_path / 'text.png').write_text('hello')
    with pytest.raises(UserError, match=r'half\.png: is damaged'):
        photo_size(tmp_path / 'half.png')
    with pytest.raises(UserError, match=r'half\.png: is damaged'):
        read_photo(tmp_path / 'half.png')
    with pytest.raises(UserError, match=r'text\.png: is not a photo'):
        read_photo(tmp_path / 'text.png')
    with pytest.raises(UserError, match=r'none\.png: no such file'):
        photo_size(tmp_path / 'none.png')


@pytest.mark.integration
def test_a_photo_that_would_fill_the_memory_is_refused_before_it_is_decoded(tmp_path):
    side = int(MAX_PIXELS**0.5) + 1
    Image.new('1', (side, side)).save(tmp_path / 'huge.png')
    with (
        pytest.warns(Image.DecompressionBombWarning),
        pytest.raises(UserError, match=rf'huge\.png: {side}x{side} pixels'),
    ):
        read_photo(tmp_path / 'huge.png')
    script = (
        'from custom.commands.parser import run_tool\nfrom custom.structures.photos import read_photo\n'
        f'run_tool(lambda: read_photo({str(tmp_path / "huge.png")!r}))'
    )
    done = subprocess.run([sys.executable, '-c', script], cwd=ROOT, capture_output=True, text=True)
    said = f'error: {tmp_path}/huge.png: {side}x{side} pixels are over 89 million; scale it down\n'
    assert (done.returncode, done.stderr) == (2, said)


@pytest.mark.parametrize('read', [read_photo, photo_size])
def test_reading_leaves_the_warnings_of_other_threads_alone(tmp_path, monkeypatch, read):
    Image.new('RGB', (4, 3)).save(tmp_path / 'a.png')
    seen = []
    monkeypatch.setattr(
        Image, 'open', lambda path, open=Image.open, **how: seen.append(list(warnings.filters)) or open(path, **how)
    )
    read(tmp_path / 'a.png')
    assert seen == [warnings.filters]
