"""A detector of coloured columns, for tests of what stands above the detector."""

import io

import numpy as np
from PIL import Image

from custom.inference.multiview import View
from custom.inference.reader import PhotoReader
from custom.reading.settings import ReaderSettings


class Columns:
    """Finds the red columns of 10 px in a view as ones, the green ones as twos; scores 0.9."""

    def detect(self, views):
        return [self.find(view) for view in views]

    def find(self, view):
        colours = [view.pixels[len(view.pixels) // 2, 5::10, channel] > 127 for channel in (0, 1)]
        found = [(10 * x, digit) for digit, columns in enumerate(colours, start=1) for x in np.flatnonzero(columns)]
        bboxes = np.array([[x, 0, x + 10, 20] for x, _ in found], dtype=np.float32).reshape(-1, 4)
        labels = np.array([digit for _, digit in found], dtype=np.int64)
        return bboxes / view.scale[0], np.full(len(found), 0.9, np.float32), labels


def reader_of_columns(detector=None, batch_size=4):
    """A reader whose detector is `Columns`, unless another is given."""
    return PhotoReader(detector or Columns(), lambda photo: View(photo, (1.0, 1.0)), ReaderSettings(), None, batch_size)


def photo_of(number, kind='PNG'):
    """The file of a photo of a number of ones and twos: red columns for ones, green for twos, black between them."""
    pixels = np.zeros((20, 20 * len(number) + 10, 3), np.uint8)
    for i, digit in enumerate(number):
        pixels[:, 20 * i : 20 * i + 10, int(digit) - 1] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()
