"""Where the time goes: the parts, the table, the picture. The light model stands in for ResNet-50."""

import pytest
from mmdet.registry import MODELS
from PIL import Image, ImageColor

from custom.benchmark import models
from custom.benchmark.compare import Settings
from custom.benchmark.photos import config_of
from custom.benchmark.profile import COLOURS, GRADIENT, PARTS, REST, draw_profile, profile, profile_table, show_profile

FOUND = {
    ('predict', 'ours'): {**dict.fromkeys(PARTS, 1.0), REST: 2.0},
    ('predict', 'stock'): {**dict.fromkeys(PARTS, 3.0), REST: 4.0},
    ('train', 'ours'): {**dict.fromkeys([*PARTS, *GRADIENT], 10.0), REST: 20.0},
    ('train', 'stock'): {**dict.fromkeys([*PARTS, *GRADIENT], 30.0), REST: 40.0},
}


@pytest.fixture
def light(monkeypatch):
    def build(kind, settings):
        return MODELS.build(config_of('digits_frcnn_lite').model)

    monkeypatch.setattr(models, 'detector', build)


@pytest.mark.parametrize(('what', 'more'), [('predict', []), ('train', list(GRADIENT))])
def test_each_part_takes_its_time(what, more, light, tmp_path):
    parts = profile('ours', what, Settings(short=True, scratch=str(tmp_path)))
    assert list(parts) == [*PARTS, *more, REST]
    assert min(parts.values()) > 0
    # Most of the work is the network's, not in between.
    assert parts[REST] < 0.5 * sum(parts.values())


def test_the_table_adds_up():
    lines = [line.split() for line in profile_table(FOUND).splitlines()]
    assert lines[0][:2] == ['profile:', 'processor']
    assert ['FPN', '1.0', '3.0', '10.0', '30.0'] in lines
    assert ['gradients', '-', '-', '10.0', '30.0'] in lines
    assert lines[-1] == ['all', '8.0', '22.0', '100.0', '280.0']


def test_the_picture_shows_all_four(tmp_path):
    draw_profile(FOUND, tmp_path / 'profile.png')
    with Image.open(tmp_path / 'profile.png') as picture:
        assert picture.format == 'PNG'
        assert picture.width > 600
        seen = {colour for count, colour in picture.convert('RGB').getcolors(1 << 20) if count > 100}
    assert {ImageColor.getrgb(colour) for colour in COLOURS} <= seen
    assert len(set(COLOURS)) == len(COLOURS)
    assert [path.name for path in tmp_path.iterdir()] == ['profile.png']


def test_shown_without_a_picture(monkeypatch, capsys):
    monkeypatch.setattr('custom.benchmark.profile.profiles', lambda settings: FOUND)
    show_profile(Settings(), None)
    assert 'RoIAlign' in capsys.readouterr().out
