"""The rule of the boxes."""

import itertools
import json
import os
from pathlib import Path

import numpy as np
import pytest

from custom.synth_boxes import JITTER, ROOM, frame, grow
from custom.synth_fonts import digit_faces
from custom.synth_layout import draw_layout
from custom.synth_number import place_number
from custom.synth_scenes import choose_face

BOXES = Path(os.environ.get('DIGITS_SHARED', Path(__file__).parents[2] / 'shared/data'), 'svhn-train-boxes.json')
INK = np.array([[50.0, 20.0, 90.0, 120.0]])  # 100 high


def test_frame_adds_the_room_and_rounds():
    assert ROOM == (0.065, 0.085, 0.05, 0.065)
    # 6.5 left of 50, 8.5 above 20, 115 high; the right edge at 95; halves go to the even number
    assert frame(np.random.default_rng(0), INK, 200, 200, 0.0).tolist() == [[44, 12, 51, 115]]


def test_grow_gives_all_digits_the_height_of_the_highest_about_their_own_middle():
    boxes = grow(np.array([[0.0, 10.0, 10.0, 110.0], [20.0, 40.0, 30.0, 90.0]]))
    assert (boxes[:, 3] - boxes[:, 1]).tolist() == pytest.approx([115, 115])
    assert ((boxes[:, 1] + boxes[:, 3]) / 2).tolist() == pytest.approx([59, 64])  # 1 above the ink's: more room there
    assert (boxes[:, 2] - boxes[:, 0]).tolist() == pytest.approx([21.5, 21.5])


def test_frame_stays_in_the_photo():
    box = np.array([[0.0, 0.0, 20.0, 30.0]])
    assert frame(np.random.default_rng(0), box, 20, 30, 0.0).tolist() == [[0, 0, 20, 30]]


def test_edges_are_off_by_the_jitter_and_heights_stay_equal():
    rng = np.random.default_rng(0)
    drawn = np.array([frame(rng, np.repeat(INK, 2, axis=0), 200, 200, 1.0) for _ in range(500)])
    assert set(drawn[..., 3].ravel()) == {115}
    assert drawn[..., 0].std() == pytest.approx(115 * JITTER, rel=0.1)
    assert drawn[..., 0].mean() == pytest.approx(43.5, abs=0.2)


@pytest.mark.skipif(not BOXES.is_file(), reason=f'no {BOXES}; name its folder by DIGITS_SHARED')
def test_boxes_look_like_the_real_ones():
    def figures(numbers: list) -> dict[str, np.ndarray]:
        ones = [w / h for number in numbers for digit, _, _, w, h in number if digit == 1]
        others = [w / h for number in numbers for digit, _, _, w, h in number if digit != 1]
        gaps = [(b[1] - a[1] - a[3]) / a[4] for n in numbers for a, b in itertools.pairwise(n)]
        return {name: np.percentile(v, [5, 50, 95]) for name, v in (('1', ones), ('rest', others), ('gap', gaps))}

    real = figures([sorted(digits, key=lambda d: d[1]) for _, _, digits in json.loads(BOXES.read_text())['rows']])
    faces, made = digit_faces(), []
    for index in range(1500):
        rng = np.random.default_rng([1, index])
        layout = draw_layout(rng, 1.0)
        number = place_number(rng, choose_face(rng, faces), layout, 1.0)
        made.append([(digit, *box) for digit, box in zip(layout.digits, number.bboxes.tolist(), strict=True)])
    for name, found in figures(made).items():
        assert found == pytest.approx(real[name], abs=0.06), name
