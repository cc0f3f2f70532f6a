import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from custom.inference.multiview import MultiView, View
from custom.inference.options import ReadingOptions
from custom.inference.reader import PhotoReader
from custom.reading.settings import ReaderConfig, ReaderSettings
from custom.utils.errors import UserError


class Columns:
    """Finds the red columns of 10 px in a view as ones, the green ones as twos; scores 0.9."""

    def __init__(self):
        self.batches = []

    def detect(self, views):
        self.batches.append(len(views))
        return [self.find(view) for view in views]

    def find(self, view):
        colours = [view.pixels[0, ::10, channel] > 127 for channel in (0, 1)]
        found = [(10 * x, digit) for digit, columns in enumerate(colours, start=1) for x in np.flatnonzero(columns)]
        bboxes = np.array([[x, 0, x + 10, 20] for x, _ in found], dtype=np.float32).reshape(-1, 4)
        labels = np.array([digit for _, digit in found], dtype=np.int64)
        return bboxes / view.scale[0], np.full(len(found), 0.9, np.float32), labels


def one_view(photo):
    if photo.shape[0] == 1:
        raise UserError('too thin')
    return View(photo, (1.0, 1.0))


def photo_of(number):
    """Red columns for ones, green for twos, black ones between them."""
    pixels = np.zeros((20, 20 * len(number) + 10, 3), np.uint8)
    for i, digit in enumerate(number):
        pixels[:, 20 * i : 20 * i + 10, int(digit) - 1] = 255
    return pixels


def test_a_photo_is_read_in_order_with_boxes_in_its_pixels():
    reading = PhotoReader(Columns(), one_view, ReaderSettings()).read(photo_of('2112'))
    assert reading.number == '2112'
    assert [digit.label for digit in reading.digits] == [2, 1, 1, 2]
    assert [digit.bbox for digit in reading.digits] == [(x, 0, x + 10, 20) for x in (0, 20, 40, 60)]
    assert reading.confidence == pytest.approx(0.9**4, abs=1e-5)
    assert reading.detections.image_ids.tolist() == [0] * 4
    assert reading.detections.labels[reading.used].tolist() == [2, 1, 1, 2]


def test_the_search_goes_through_the_whole_photo():
    class Fading(Columns):
        """Scores 0.6 in the first view and 0.3 in the second, twice as large."""

        def find(self, view):
            step = int(view.scale[0])
            bboxes, scores, labels = super().find(View(view.pixels[::step, ::step], (1, 1)))
            return bboxes, np.full_like(scores, 0.6 / view.scale[0]), labels

    settings = ReaderSettings(ReaderConfig(score_thr=0.4))
    reading = PhotoReader(Fading(), one_view, settings, MultiView((400, 20), (1, 2))).read(photo_of('12'))
    assert reading.number == '12'
    # 20 px are too high for an input of 20 px, as are 40 px.
    assert [digit.score for digit in reading.digits] == [0.45] * 2


def test_photos_are_read_in_batches_and_errors_stand_in_their_place(tmp_path):
    for name, number in (('a.png', '1'), ('c.png', '2'), ('d.png', '')):
        Image.fromarray(photo_of(number)).save(tmp_path / name)
    (tmp_path / 'b.png').write_text('no photo')
    Image.new('RGB', (40, 1)).save(tmp_path / 'thin\n.png')
    detector = Columns()
    reader = PhotoReader(detector, one_view, ReaderSettings(), batch_size=2)
    photos = [tmp_path / name for name in ('a.png', 'b.png', 'thin\n.png', 'c.png', 'd.png')]
    first, second, third, fourth, fifth = reader.read_many(photos)
    assert [reading.number for reading in (first, fourth, fifth)] == ['1', '2', '']
    assert str(second).startswith(
        f'{tmp_path}/b.png: is not a photo that can be read; replace or remove it; formats that are read: PNG'
    )
    assert str(third) == f'{tmp_path}/thin\\n.png: too thin'
    assert detector.batches == [1, 1, 1]  # of two photos each, without those that cannot be read
    with pytest.raises(UserError, match='pixels: too thin'):
        reader.read(np.zeros((1, 40, 3), np.uint8))


def test_a_batch_size_below_1_is_refused():
    with pytest.raises(UserError, match=r'^batch_size=0: must be a number of at least 1$'):
        PhotoReader(Columns(), one_view, ReaderSettings(), batch_size=0)


def test_an_object_that_is_no_photo_is_refused_by_its_type(tmp_path):
    reader = PhotoReader(Columns(), one_view, ReaderSettings())
    with pytest.raises(UserError, match=r'^list: pass a path, bytes, an open file, an image of Pillow, or an array$'):
        reader.read([1])
    for one in (tmp_path / 'a.png', 'a.png', b'1', Image.new('RGB', (40, 20)), io.BytesIO()):
        with pytest.raises(UserError, match=r'pass a list of photos or a folder to read_many, or one photo to read$'):
            list(reader.read_many(one))
    with pytest.raises(UserError, match=': holds no photo'):
        list(reader.read_many(tmp_path))
    with pytest.raises(UserError, match=f'^{tmp_path}: is a folder; read_many reads its photos$'):
        reader.read(tmp_path)


@pytest.mark.parametrize('junk', [b'GIF89a' + b'\xff' * 30000, 'x' * 100_000, np.zeros((5, 5), float), bytearray(9)])
def test_what_is_no_photo_is_refused_in_one_short_line(junk):
    with pytest.raises(UserError) as error:
        PhotoReader(Columns(), one_view, ReaderSettings()).read(junk)
    assert len(str(error.value)) < 500
    assert str(error.value).isprintable()


def test_a_folder_is_read_and_each_reading_has_its_photo(tmp_path):
    for name, number in (('10.png', '2'), ('2.png', '1')):
        Image.fromarray(photo_of(number)).save(tmp_path / name)
    (tmp_path / 'notes.txt').touch()
    readings = list(PhotoReader(Columns(), one_view, ReaderSettings()).read_many(str(tmp_path)))
    assert [(reading.photo, reading.number) for reading in readings] == [
        (tmp_path / '2.png', '1'),
        (tmp_path / '10.png', '2'),
    ]


def test_a_reading_is_short_as_text_and_a_picture_in_a_notebook(tmp_path):
    Image.fromarray(photo_of('12')).save(tmp_path / '<b>.png')
    reader = PhotoReader(Columns(), one_view, ReaderSettings(), options=ReadingOptions(digits=2, decimals=1))
    reading = reader.read(tmp_path / '<b>.png')
    assert repr(reading) == f"<PhotoReading '{tmp_path}/<b>.png': '1.2', confidence 0.81, 2 boxes>"
    assert repr(reading.detections) == '<Detections: 2 boxes on 1 photos>'
    assert repr(reader) == '<PhotoReader: score threshold 0.6, one view>'
    picture = re.fullmatch(r'<img alt="([^"<>]*)" src="data:image/jpeg;base64,([^"]+)">', reading._repr_html_())
    assert '&lt;b&gt;' in picture[1]
    with Image.open(io.BytesIO(base64.b64decode(picture[2]))) as image:
        assert image.height > image.width * 20 / 50  # photo, tags above, caption below
    (tmp_path / '<b>.png').unlink()
    assert reading._repr_html_().endswith('&lt;b&gt;.png: no such file')
    assert reader.read(photo_of('12'))._repr_html_().startswith('<img alt="&lt;PhotoReading: ')


def test_a_reading_is_json():
    reading = PhotoReader(Columns(), one_view, ReaderSettings()).read(photo_of('12'))
    digits = [{'digit': digit, 'score': 0.9, 'box': [x, 0.0, x + 10, 20.0]} for digit, x in ((1, 0.0), (2, 20.0))]
    number = {'number': '12', 'confidence': 0.81, 'digits': digits}
    assert json.loads(json.dumps(reading.to_dict())) == {
        **number,
        'left_out': [],
        'numbers': [{**number, 'box': [0.0, 0.0, 30.0, 20.0]}],
    }
    assert PhotoReader(Columns(), one_view, ReaderSettings()).read(photo_of('')).to_dict()['number'] is None


def test_bytes_open_files_and_images_are_read_as_their_path(tmp_path):
    path = tmp_path / 'a.png'
    Image.fromarray(photo_of('12')).save(path)
    (tmp_path / 'b.png').write_text('no photo')
    reader = PhotoReader(Columns(), one_view, ReaderSettings())
    with path.open('rb') as file, (tmp_path / 'b.png').open('rb') as broken, Image.open(path) as image:
        readings = list(reader.read_many([path, path.read_bytes(), file, image, b'no photo', broken]))
    assert [reading.number for reading in readings[:4]] == ['12'] * 4
    assert str(readings[4]).startswith('photo: is not a photo that can be read')
    assert str(readings[5]).startswith(f'{tmp_path}/b.png: is not a photo that can be read')


def test_all_numbers_of_a_photo_with_their_boxes():
    wide = np.hstack([photo_of('12'), np.zeros((20, 60, 3), np.uint8), photo_of('211')])  # 70 px between them
    reading = PhotoReader(Columns(), one_view, ReaderSettings()).read(wide)
    assert [(one.number, one.bbox) for one in reading.numbers] == [('12', (0, 0, 30, 20)), ('211', (110, 0, 160, 20))]
    assert reading.number == '211'  # the longer one of two of a height
    assert [digit.label for digit in reading.left_out] == [1, 2]
    assert reading.numbers[1].digits == reading.digits


def test_a_crop_is_read_alone_and_its_boxes_are_those_of_the_photo():
    frame = np.zeros((60, 100, 3), np.uint8)
    frame[15:35, 40:90] = photo_of('21')
    frame[15:35, 0:10, 0] = 255  # another digit
    reading = PhotoReader(Columns(), one_view, ReaderSettings(), options=ReadingOptions(crop=(40, 15, 50, 20)))
    assert [digit.bbox for digit in reading.read(frame).digits] == [(40, 15, 50, 35), (60, 15, 70, 35)]
    with pytest.raises(UserError, match=r'^pixels: crop=40,15,50,20: is not inside the photo of 80x60 pixels$'):
        reading.read(frame[:, :80])


@pytest.mark.parametrize(
    ('degrees', 'quarter', 'box'),
    [(90, 1, (0, 40, 20, 50)), (180, 2, (40, 0, 50, 20)), (270, 3, (0, 0, 20, 10))],
)
def test_a_turned_photo_is_read_and_its_boxes_are_those_of_the_photo_as_given(degrees, quarter, box):
    photo = np.rot90(photo_of('12'), quarter)  # counter-clockwise
    reading = PhotoReader(Columns(), one_view, ReaderSettings(), options=ReadingOptions(rotate=degrees)).read(photo)
    assert (reading.number, reading.rotate) == ('12', degrees)
    assert reading.digits[0].bbox == box


class Upright(Columns):
    """Scores 0.65 unless the left upper pixel is blue."""

    def find(self, view):
        bboxes, scores, labels = super().find(view)
        return bboxes, scores - np.float32(0.25) * (view.pixels[0, 0, 2] == 0), labels


@pytest.mark.parametrize('quarter', [0, 1, 2, 3])
def test_the_orientation_with_the_best_digits_is_found(quarter):
    photo = photo_of('122')
    photo[0, 0, 2] = 255
    detector = Upright()
    reader = PhotoReader(detector, one_view, ReaderSettings(), options=ReadingOptions(rotate='auto', decimals=1))
    reading = reader.read(np.rot90(photo, quarter))
    assert (reading.number, reading.text, reading.rotate) == ('122', '12.2', 90 * quarter)
    assert len(detector.batches) == 4  # 1 and 2 are digits upside down, too
    assert len(reading.detections) == 3


def test_a_known_number_of_digits():
    wide = np.hstack([photo_of('12'), np.zeros((20, 60, 3), np.uint8), photo_of('211')])
    read = [
        PhotoReader(Columns(), one_view, ReaderSettings(), options=ReadingOptions(digits=n)).read(wide) for n in (2, 4)
    ]
    assert [reading.number for reading in read] == ['12', '211']
    assert read[0].confidence > 0 == read[1].confidence


@pytest.mark.parametrize(
    'pixels',
    [np.zeros((9, 9, 3)), np.zeros((9, 9, 2), np.uint8), np.zeros((0, 9, 3), np.uint8), np.zeros(9, np.uint8)],
)
def test_pixels_of_another_kind_are_refused(pixels):
    with pytest.raises(UserError, match=r'pass uint8: \(H, W\) grey, \(H, W, 3\) RGB, not BGR, or \(H, W, 4\) RGBA$'):
        PhotoReader(Columns(), one_view, ReaderSettings()).read(pixels)


def test_grey_and_transparent_pixels_are_read():
    reader = PhotoReader(Columns(), one_view, ReaderSettings())
    grey = np.zeros((20, 30), np.uint8)
    grey[:, :10] = 255  # white: red and green columns are found there
    assert [len(reader.read(pixels).detections) for pixels in (grey, grey[..., None])] == [2, 2]
    clear = np.zeros((20, 30, 4), np.uint8)
    clear[:, 10:, 3] = 255  # transparent is white, black is not
    assert len(reader.read(clear).detections) == 2


def test_one_array_is_no_list_of_photos():
    reader = PhotoReader(Columns(), one_view, ReaderSettings())
    with pytest.raises(UserError, match=r'pass a list of photos or a folder to read_many, or one photo to read$'):
        list(reader.read_many(np.zeros((20, 30, 3), np.uint8)))
    assert len(list(reader.read_many(np.zeros((2, 20, 30, 3), np.uint8)))) == 2
