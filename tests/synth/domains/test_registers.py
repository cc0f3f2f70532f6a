"""Mechanical registers."""

import cv2
import numpy as np
import pytest

from custom.synth.domains import registers
from custom.synth.fonts import digit_faces, draw_glyph
from custom.synth.scene import Assets
from custom.utils.errors import UserError

ASSETS = Assets(digit_faces())
# A window 1.4 digit heights high, on wheels whose digits are 1.2 apart.
LOOK = registers.Look(ASSETS.faces[0], 1.0, 1.0, 0.1, 1.4, 1.2, 10 * 1.2 / (2 * np.pi), True)


def test_a_wheel_at_rest_shows_its_digit_in_the_middle():
    for digit in range(10):
        wheel = registers.turn_wheel(LOOK, digit, 0.0, 50.0)
        assert wheel.digit == digit
        assert wheel.whole
        left, top = wheel.hull.min(axis=0) * 50
        right, bottom = wheel.hull.max(axis=0) * 50
        assert (top + bottom) / 2 == pytest.approx(35, abs=2)  # the window is 70 px high
        glyph = draw_glyph(LOOK.face, str(digit), 64)
        assert glyph is not None
        shown = wheel.ink[round(top) : round(bottom), round(left) : round(right)]
        drawn = cv2.resize(glyph.mask, shown.shape[::-1], interpolation=cv2.INTER_AREA) / 255
        assert np.abs(shown - drawn).mean() < 0.15


@pytest.mark.parametrize(
    ('turn', 'digit'), [(0.0, 9), (0.39, 9), (0.41, None), (0.5, None), (0.59, None), (0.61, 0), (1.0, 0)]
)
def test_a_turned_wheel_is_labelled_by_the_digit_that_shows_more(turn, digit):
    wheel = registers.turn_wheel(LOOK, 9, turn, 50.0)
    assert wheel.digit == digit
    if digit is None:
        assert not len(wheel.hull)
        return
    assert wheel.hull[:, 1].min() >= 0
    assert wheel.hull[:, 1].max() <= LOOK.window
    middle = (wheel.hull[:, 1].min() + wheel.hull[:, 1].max() - LOOK.window) / 2
    assert np.sign(round(middle, 1)) == (0 if turn in (0.0, 1.0) else -1 if digit == 9 else 1)  # rolled up


def test_the_box_of_a_cut_digit_ends_at_its_window():
    wheel = registers.turn_wheel(LOOK, 8, 0.35, 50.0)  # its centre is 0.42 above the window's, and half a digit 0.5
    assert not wheel.whole
    assert wheel.hull[:, 1].min() == 0
    ink = np.flatnonzero(wheel.ink[: round(50 * wheel.hull[:, 1].max())].max(axis=0) > 0.5) / 50
    assert wheel.hull[:, 0].min() == pytest.approx(ink[0], abs=0.06)
    assert wheel.hull[:, 0].max() == pytest.approx(ink[-1], abs=0.06)


def test_wheels_seldom_stand_between_two_digits_and_never_in_clean_images():
    rng = np.random.default_rng(0)
    turns = np.array([registers.draw_turns(rng, 6, 1.0) for _ in range(400)])
    between = (turns > registers.BETWEEN[0]) & (turns < registers.BETWEEN[1])
    assert 0 < between[:, -1].mean() < 0.1
    assert (turns[:, -1] > 0.6).any()
    assert np.abs([registers.draw_turns(rng, 6, 0.0) for _ in range(50)]).max() < 0.05


def digit_photo(path, colour: int, left: int, right: int) -> str:
    """Write a photo of 20 x 32 px with a bar of ink from column `left` to `right` and from row 4 to 28."""
    photo = np.full((32, 20, 3), colour, np.uint8)
    photo[4:28, left:right] = 250 - colour
    cv2.imwrite(str(path), photo)
    return str(path)


def test_ink_of_a_photo_is_found_or_guessed(tmp_path):
    photo = cv2.imread(digit_photo(tmp_path / '1.png', 30, 8, 12))
    assert registers.find_ink(photo) == pytest.approx([8 / 20, 4 / 32, 12 / 20, 28 / 32], abs=0.06)
    flat = np.full((32, 20, 3), 90, np.uint8)
    assert registers.find_ink(flat).tolist() == [0.14, 0.1, 0.86, 0.9]


def test_crops_of_a_strip_are_of_one_meter(tmp_path):
    crops = []
    for i in range(12):
        crops.append((digit_photo(tmp_path / f'{i % 10}_dig{i}.png', 30, 8, 12), i % 10))
        crops.append((digit_photo(tmp_path / f'{i % 10}_main{i}.png', 200, 5, 15), i % 10))
    for seed in range(6):
        chosen = registers.choose_crops(np.random.default_rng(seed), tuple(crops), 6)
        assert len({crop.photo[0, 0, 0].item() for crop in chosen}) == 1


def test_photos_of_digits_become_labelled_strips(tmp_path, monkeypatch):
    monkeypatch.setattr(registers, 'FROM_CROPS', 1.0)
    crops = tuple((digit_photo(tmp_path / f'{digit}.png', 30, 8, 12), digit) for digit in (2, 7))
    for seed in range(4):
        image, bboxes, labels = registers.draw(np.random.default_rng(seed), ASSETS._replace(digit_crops=crops), 0.0)
        assert (labels == 2).any() or (labels == 7).any()
        main = bboxes[np.isin(labels, (2, 7))]
        for x, y, w, h in main[main[:, 3] > 0.8 * main[:, 3].max()]:
            inside = image[y : y + h, x : x + w].mean(axis=2)
            middle = inside[:, w // 3 : max(w // 3 + 1, w - w // 3)].mean()
            beside = inside[:, [0, -1]].mean()
            assert middle > beside + 20  # the bar is in the middle of its box


def test_a_missing_photo_of_a_digit_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(registers, 'FROM_CROPS', 1.0)
    crops = ((str(tmp_path / '3_gone.png'), 3),)
    with pytest.raises(UserError, match='3_gone'):
        registers.draw(np.random.default_rng(0), ASSETS._replace(digit_crops=crops), 0.0)
