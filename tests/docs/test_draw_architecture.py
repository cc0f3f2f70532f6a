"""docs/architecture.svg shows the code as it is."""

import importlib.util
import sys

import pytest
from helpers.project import ROOT


@pytest.mark.skipif(sys.version_info < (3, 11), reason='docs/draw_architecture.py reads pyproject.toml by tomllib')
def test_the_picture_is_current():
    spec = importlib.util.spec_from_file_location('draw_architecture', ROOT / 'docs/draw_architecture.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / 'docs/architecture.svg').read_text() == module.draw(), 'run python docs/draw_architecture.py'
