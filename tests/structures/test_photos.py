import os
import struct
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from helpers.project import ROOT
from PIL import Image, ImageOps

from custom.structures import photos
from custom.structures.photos import (
    FORMATS,
    MAX_PIXELS,
    Photo,
    find_photo,
    image_id_of,
    list_photos,
    natural_key,
    photo_path,
    photo_size,
    read_photo,
    rgb_of,
    stored_size,
)
from custom.utils import messages
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
    assert (
        '1 × folder, named pipe, socket, device or broken link with the name of a photo, passed over; first: more.png'
        in said
    )
    assert '3 × file or folder that is no photo' in said
    assert 'first: 2.psd; convert HEIC to JPEG' in said


def test_what_only_has_the_name_of_a_photo_is_passed_over_and_never_opened(tmp_path, capsys):
    touch(tmp_path, '1.png')
    os.mkfifo(tmp_path / '2.png')
    (tmp_path / '3.png').symlink_to('3.png')
    (tmp_path / '4.png').symlink_to('gone.png')
    (tmp_path / '5.png').symlink_to('/dev/zero')
    (tmp_path / '6.png').symlink_to('1.png')
    (tmp_path / '7.png').mkdir()
    assert list_photos(tmp_path) == [Photo(1, '1.png'), Photo(6, '6.png')]
    assert '5 × folder, named pipe, socket, device or broken link' in capsys.readouterr().err
    for name, reason in (
        ('2.png', 'a named pipe, not a regular file'),
        ('3.png', 'Too many levels of symbolic links'),
        ('4.png', 'no such file'),
        ('5.png', 'a device, not a regular file'),
        ('7.png', 'Is a directory'),
    ):
        with pytest.raises(UserError, match=rf'{name}: .*{reason}'):
            read_photo(tmp_path / name)


def test_no_other_format_is_opened(tmp_path):
    Image.new('RGB', (8, 8)).save(tmp_path / '1.png', 'EPS')
    with pytest.raises(
        UserError, match='is not a photo that can be read; replace or remove it; formats that are read: PNG'
    ):
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


@pytest.mark.parametrize('suffix', ['jpg', 'png', 'webp', 'tif', 'avif', 'jp2'])
def test_size_and_pixels_agree_on_every_orientation(tmp_path, suffix):
    image = Image.fromarray(np.arange(0, 240, 40, dtype=np.uint8).reshape(2, 3))
    path = tmp_path / f'x.{suffix}'
    for orientation in range(10):
        exif = Image.Exif()
        exif[0x0112] = orientation
        image.save(path, exif=exif)
        with open(path, 'rb') as file:  # Pillow 13.0 garbles the TIFF if it is opened by its path
            want = ImageOps.exif_transpose(Image.open(file)).convert('RGB')
        assert np.array_equal(read_photo(path), want)
        assert photo_size(path) == want.size
        assert stored_size(path) == image.size


def test_bytes_open_files_and_images_are_turned_as_their_path(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    path = tmp_path / '1.png'
    Image.fromarray(pixels).save(path, exif=exif)
    with path.open('rb') as file, Image.open(path) as image:
        for photo in (path, path.read_bytes(), file, image):
            assert np.array_equal(read_photo(photo), np.rot90(pixels, -1))
    assert photo_size(path.read_bytes()) == (2, 4)
    with pytest.raises(UserError, match=r'^photo: 400x1 pixels are too thin'):
        read_photo(Image.new('L', (400, 1)))


def test_odd_exif_data_are_read_in_one_way_and_silently(tmp_path):
    entries = (
        (0x0112, 2, 2, b'6\0\0\0'),  # text
        (0x0112, 3, 2, b'\6\0\6\0'),  # two values
        (0x0112, 3, 1, b'\x09\0\0\0'),
        (0x8769, 4, 1, b'\xff' * 4),  # points behind the file
    )
    for i, entry in enumerate(entries):
        block = b'II*\0\x08\0\0\0\1\0' + struct.pack('<HHI4s', *entry) + bytes(4)
        for j, end in enumerate((None, -6)):
            Image.new('RGB', (6, 4)).save(tmp_path / f'{i}{j}.jpg', exif=b'Exif\0\0' + block[:end])
    script = (
        'import sys\nfrom custom.structures.photos import photo_size, read_photo, stored_size\n'
        'for path in sys.argv[1:]: assert photo_size(path) == read_photo(path).shape[1::-1], path'
    )
    command = [sys.executable, '-c', script, *tmp_path.iterdir()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, '')


@pytest.mark.parametrize('read', [read_photo, photo_size])
def test_a_thin_photo_is_refused_by_its_name(tmp_path, read):
    Image.new('L', (1200, 4)).save(tmp_path / 'wide.png')
    Image.new('L', (4, 1204)).save(tmp_path / 'thin.png')
    read(tmp_path / 'wide.png')
    with pytest.raises(UserError, match=r'thin\.png: 4x1204 pixels are too thin to be scaled'):
        read(tmp_path / 'thin.png')


GREY = np.linspace(0, 1, 64).reshape(8, 8)


@pytest.mark.parametrize('suffix', ['png', 'tif'])
@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('bits', [10, 12, 16])
def test_photos_of_more_than_8_bits_use_the_whole_range(tmp_path, suffix, channels, bits):
    deep = np.repeat((GREY * (2**bits - 1)).astype(np.uint16)[..., None], channels, axis=2)
    cv2.imwrite(str(tmp_path / f'x.{suffix}'), deep)
    step = 2 ** max(16 - bits, 0) if channels == 3 else 2  # Pillow keeps 8 of 16 bits of colour
    assert np.abs(read_photo(tmp_path / f'x.{suffix}')[..., 0] - 255 * GREY).max() <= step + 64 * (bits == 10)


@pytest.mark.parametrize(
    'values',
    [GREY, GREY * 255, GREY * 65535, GREY * 2 - 1, GREY * 7, GREY * 0.01],
    ids=['1', '255', '65535', '-1..1', '7', '0.01'],
)
def test_floats_are_stretched(tmp_path, values):
    Image.fromarray(values.astype(np.float32)).save(tmp_path / 'x.tif')
    assert np.abs(read_photo(tmp_path / 'x.tif')[..., 0] - 255 * GREY).max() <= 0.51


def test_a_stretched_photo_and_more_frames_are_said_once(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(messages, '_SAID', set())
    Image.fromarray((GREY * 1023).astype(np.uint16)).save(tmp_path / 'deep.png')
    frames = [Image.new('L', (4, 4), grey) for grey in (0, 255)]
    for name in ('1.gif', '2.tif', '3.webp'):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    for name in ('deep.png', 'deep.png', '1.gif', '2.tif', '3.webp'):
        pixels = read_photo(tmp_path / name)
    assert pixels.max() == 0
    assert capsys.readouterr().err.splitlines() == [
        f'note: photo whose values are stretched from 0 to 1023; first: {tmp_path}/deep.png',
        f'note: photo of several frames, of which the first is read; first: {tmp_path}/1.gif',
    ]


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


def test_a_name_is_found_only_inside_the_folder_and_if_it_is_clear(tmp_path):
    for name in ('in/a/7.png', 'in/b/7.png', 'in/X.png', 'in/x.PNG', 'out.png'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('')
    folder = tmp_path / 'in'
    assert find_photo(folder, 'a/7.png') == 'a/7.png'
    assert find_photo(folder, 'C:\\me\\B\\7.png') == 'b/7.png'
    assert find_photo(folder, 'x.PNG') == 'x.PNG'
    for name in ('7.png', 'x.png', 'out.png', '../out.png', str(tmp_path / 'out.png'), 'a', '', '..', '\0', '%00'):
        assert find_photo(folder, name) is None
    assert photo_path(folder, 'B\\7.png') == folder / 'b/7.png'
    assert photo_path(folder, 'gone.png') == folder / 'gone.png'
    with pytest.raises(UserError, match='leaves the folder of the photos'):
        photo_path(folder, '../out.png')


def test_transparency_of_an_array_is_on_white_as_that_of_a_file(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 8, 4), np.uint8)
    Image.fromarray(pixels).save(tmp_path / '1.png')
    assert np.abs(rgb_of(pixels).astype(int) - read_photo(tmp_path / '1.png')).max() <= 1  # Pillow rounds otherwise
    assert rgb_of(pixels[..., :3]).tolist() == pixels[..., :3].tolist()


MODES = ['L', 'LA', 'P', 'RGB', 'RGBA', 'CMYK', '1', 'I;16', 'I', 'F']


@pytest.mark.parametrize('mode', MODES)
def test_a_photo_is_converted_alike_in_strips_and_as_a_whole(tmp_path, monkeypatch, mode):
    rng = np.random.default_rng(0)
    if mode in ('I;16', 'I', 'F'):
        image = Image.fromarray(rng.integers(0, 900, (70, 50)).astype({'I;16': 'u2', 'I': 'i4', 'F': 'f4'}[mode]))
    else:
        image = Image.fromarray(rng.integers(0, 255, (70, 50, 4), dtype=np.uint8)).convert(mode)
    image.save(tmp_path / 'a.tif')
    whole = read_photo(tmp_path / 'a.tif')
    monkeypatch.setattr(photos, 'STRIP', 700)
    assert np.array_equal(read_photo(tmp_path / 'a.tif'), whole)
    assert whole.shape == (70, 50, 3) and whole.std() > 1


def test_large_photos_are_decoded_one_at_a_time(tmp_path, monkeypatch):
    Image.new('L', (50, 40)).save(tmp_path / 'a.png')
    monkeypatch.setattr(photos, 'MAX_PIXELS', 3000)
    most = 0

    def converted(image):
        nonlocal most
        most = max(most, photos._now.pixels)
        return np.zeros((image.height, image.width, 3), np.uint8)

    monkeypatch.setattr(photos, '_rgb', converted)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read_photo, [tmp_path / 'a.png'] * 40))
    assert (most, photos._now.pixels) == (2000, 0)


def test_a_process_that_is_forked_while_a_photo_is_decoded_decodes(tmp_path):
    with photos._decoding(photos.MAX_PIXELS):
        child = os.fork()
        if not child:
            os._exit(photos._now.pixels)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_photo_has_bounds_before_it_is_read(tmp_path):
    with (tmp_path / 'a.webp').open('wb') as file:
        file.truncate(1 << 40)  # takes no room on the disk
    with pytest.raises(UserError, match=r'a\.webp: cannot be read \(larger than 1000 MB\)'):
        read_photo(tmp_path / 'a.webp')


def test_names_of_any_length_are_compared_and_not_found(tmp_path):
    assert natural_key('1' * 5000)[1][0] == 1
    assert find_photo(tmp_path, 'a/' * 10**6) is None
