"""Help of every tool, without slow imports."""

import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest
from helpers.project import ROOT

pytestmark = pytest.mark.integration

HEAVY = {'torch', 'mmdet', 'mmengine', 'mmcv', 'scipy'}
TOOLS = sorted(path.name for path in (ROOT / 'tools').glob('*.py'))


@pytest.mark.parametrize('tool', TOOLS)
def test_help_shows_an_example_and_needs_no_deep_learning(tool):
    path = f'tools/{tool}'
    code = (
        f'import runpy, sys; sys.argv = [{path!r}, "--help"]\n'
        f'try: runpy.run_path({path!r}, run_name="__main__")\n'
        f'except SystemExit: print("loaded:", sorted({HEAVY} & set(sys.modules)))'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert f'python {path} ' in done.stdout
    assert done.stdout.endswith('loaded: []\n')


def test_the_readme_names_every_tool():
    readme = (ROOT / 'README.md').read_text()
    assert [tool for tool in TOOLS if f'tools/{tool}' not in readme] == []


def test_no_tool_hides_an_installed_package():
    """Python puts tools/ first on the path of modules, where tools/mmdet.py would be imported for mmdet."""
    assert {tool.removesuffix('.py') for tool in TOOLS} & packages_distributions().keys() == set()
