import numpy as np
import pytest

from custom.synth.fonts import Face
from custom.synth.scene import choose_face

LARGE = [Face(f'/fonts/large/{style}.ttf') for style in 'abcd']
ALONE = Face('/fonts/alone/a.ttf')


def test_families_count_alike_however_many_styles_they_have():
    rng = np.random.default_rng(0)
    chosen = [choose_face(rng, [*LARGE, ALONE]) for _ in range(800)]
    assert [chosen.count(face) / 800 for face in [*LARGE, ALONE]] == pytest.approx([0.125] * 4 + [0.5], abs=0.05)


def test_the_same_randomness_chooses_the_same_faces():
    first, again = ([choose_face(np.random.default_rng(seed), LARGE) for seed in range(20)] for _ in range(2))
    assert first == again
    assert len(set(first)) == 4
