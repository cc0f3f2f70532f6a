"""Images without a number."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from custom.synth import props
from custom.synth.domains import empty
from custom.synth.fonts import Face
from custom.synth.scene import Assets

ASSETS = Assets([Face(str(Path(matplotlib.__file__).parent / 'mpl-data/fonts/ttf/DejaVuSans.ttf'))])


def test_a_share_of_the_walls_comes_from_photos_where_there_are_any(tmp_path):
    Image.new('RGB', (100, 40), (0, 0, 200)).save(tmp_path / '1.png')
    assets = ASSETS._replace(backgrounds=(str(tmp_path / '1.png'),))
    walls = [empty.draw_ground(np.random.default_rng(seed), assets, 24, 60, 10.0) for seed in range(150)]
    assert all(wall.shape == (24, 60, 3) and wall.dtype == np.float32 for wall in walls)
    means = [wall.mean(axis=(0, 1)) for wall in walls]
    share = np.mean([blue > 5 * max(red, green) for red, green, blue in means])
    assert share == pytest.approx(empty.FROM_PHOTOS, abs=0.12)


def test_no_word_has_a_digit(monkeypatch):
    written = []
    original = props.set_line
    monkeypatch.setattr(
        props, 'set_line', lambda face, text, *more: written.append(text) or original(face, text, *more)
    )
    for seed in range(25):
        empty.draw(np.random.default_rng(seed), ASSETS, 0.5)
    assert len(written) > 20
    assert not any(char.isdigit() for text in written for char in text)


def test_some_images_show_a_wall_alone(monkeypatch):
    monkeypatch.setattr(empty, 'BARE', 1.0)
    monkeypatch.setattr(empty, 'write', None)
    image, bboxes, labels = empty.draw(np.random.default_rng(0), ASSETS, 0.5)
    assert image.ndim == 3 and len(bboxes) == len(labels) == 0
