"""Profile: parts, table, picture. The light model takes the place of ResNet-50."""

import pytest
from PIL import Image, ImageColor

from custom.benchmark.candidate import Settings
from custom.benchmark.profile import COLOURS, GRADIENT, PARTS, REST, draw_profile, profile, profile_table, show_profile

MEASURED = {
    ('predict', 'ours'): {**dict.fromkeys(PARTS, 1.0), REST: 2.0},
    ('predict', 'stock'): {**dict.fromkeys(PARTS, 3.0), REST: 4.0},
    ('train', 'ours'): {**dict.fromkeys([*PARTS, *GRADIENT], 10.0), REST: 20.0},
    ('train', 'stock'): {**dict.fromkeys([*PARTS, *GRADIENT], 30.0), REST: 40.0},
}


@pytest.mark.parametrize(('work', 'more'), [('predict', []), ('train', list(GRADIENT))])
def test_each_part_takes_time(work, more, light_model, settings):
    parts = profile('ours', work, settings)
    assert list(parts) == [*PARTS, *more, REST]
    assert min(parts.values()) > 0
    # The network takes most of the time.
    assert parts[REST] < 0.5 * sum(parts.values())


def test_the_table_adds_up():
    lines = [line.split() for line in profile_table(MEASURED).splitlines()]
    assert lines[0][:2] == ['profile:', 'CPU']
    assert ['FPN', '1.0', '3.0', '10.0', '30.0'] in lines
    assert ['gradients', '-', '-', '10.0', '30.0'] in lines
    assert lines[-1] == ['all', '8.0', '22.0', '100.0', '280.0']


def test_the_picture_shows_all_four(tmp_path):
    draw_profile(MEASURED, tmp_path / 'profile.png')
    with Image.open(tmp_path / 'profile.png') as picture:
        assert picture.format == 'PNG'
        assert picture.width > 600
        drawn = {colour for count, colour in picture.convert('RGB').getcolors(1 << 20) if count > 100}
    assert {ImageColor.getrgb(colour) for colour in COLOURS} <= drawn
    assert len(set(COLOURS)) == len(COLOURS)
    assert [path.name for path in tmp_path.iterdir()] == ['profile.png']


def test_the_table_is_printed(monkeypatch, capsys):
    monkeypatch.setattr('custom.benchmark.profile.profile', lambda kind, work, settings: MEASURED[work, kind])
    show_profile(Settings(), None)
    assert capsys.readouterr().out == profile_table(MEASURED) + '\n'
