"""Selection of typefaces, and glyphs."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest

from custom.structures.digits import DIGITS
from custom.synth import fonts
from custom.synth.fonts import Face, digit_faces, draw_glyph, font_files, has_lining_digits, missing_packages
from custom.utils.errors import UserError

BUNDLED = Path(matplotlib.__file__).parent / 'mpl-data/fonts/ttf'
DEJAVU = Face(str(BUNDLED / 'DejaVuSans.ttf'))


@pytest.mark.parametrize(
    ('name', 'kept'),
    [
        ('DejaVuSans', True),
        ('cmr10', True),
        ('cmmi10', False),  # old-style figures: 3, 4, 5, 7 and 9 hang below the line
        ('cmsy10', False),  # symbols
        ('STIXNonUni', False),  # no digits at all
    ],
)
def test_only_lining_digits_are_kept(name, kept):
    assert has_lining_digits(Face(str(BUNDLED / f'{name}.ttf'))) is kept


@pytest.mark.parametrize('height', [20, 64])
def test_glyph_is_cropped_to_its_ink_and_as_high_as_asked(height):
    zero = draw_glyph(DEJAVU, '0', height)
    assert abs(zero.mask.shape[0] - height) <= 1
    assert abs(zero.top) <= 1 / height
    ink = zero.mask > 80
    assert all(edge.any() for edge in (ink[0], ink[-1], ink[:, 0], ink[:, -1]))
    assert np.all(zero.hull.min(axis=0) == 0)
    assert np.all(zero.hull.max(axis=0) == zero.mask.shape[::-1])  # x y against rows columns


def test_top_of_a_glyph_is_measured_from_the_zero():
    comma = draw_glyph(DEJAVU, ',', 64)
    assert 0.7 < comma.top < 1.0  # its ink starts near the foot of the line
    assert comma.top + comma.mask.shape[0] / 64 > 1.05  # and ends below it


def test_hairlines_are_not_kept():
    kept = {path.stem: has_lining_digits(Face(str(path))) for path in font_files() if path.stem.startswith('Roboto-')}
    assert kept['Roboto-Regular']
    assert not kept['Roboto-Thin']


def test_a_blank_is_no_glyph():
    assert draw_glyph(DEJAVU, ' ', 32) is None


def test_faces_are_usable_and_differ():
    faces = digit_faces()
    assert len(faces) >= 20
    assert len(set(faces)) == len(faces)
    assert all(has_lining_digits(face) for face in faces)


def test_a_variable_font_gives_several_weights():
    cuts = [face for face in digit_faces() if 'Oswald' in face.path]
    if not cuts:
        pytest.skip('fontpkg-oswald is not installed')
    ink = sorted(sum(float(draw_glyph(face, char, 64).mask.mean()) for char in DIGITS) for face in cuts)
    assert len(cuts) == 3
    assert ink[0] * 1.3 < ink[-1]


def test_identical_faces_are_kept_once(monkeypatch):
    monkeypatch.setattr(fonts, 'font_files', lambda: [Path(DEJAVU.path), Path(DEJAVU.path)])
    assert digit_faces.__wrapped__() == (DEJAVU,)


def test_a_file_that_is_no_font_is_skipped(monkeypatch, tmp_path):
    page = tmp_path / 'Page.ttf'
    page.write_text('<!doctype html>')
    monkeypatch.setattr(fonts, 'font_files', lambda: [page, Path(DEJAVU.path)])
    assert digit_faces.__wrapped__() == (DEJAVU,)


def test_without_any_font_the_error_names_the_packages(monkeypatch):
    monkeypatch.setattr(fonts, '_package_folder', lambda package: None)
    assert font_files() == []
    assert missing_packages()[0] == 'font-roboto'
    with pytest.raises(UserError, match='pip install font-roboto fontpkg-'):
        digit_faces.__wrapped__()
