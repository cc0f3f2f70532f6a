"""Console command `digits`, which runs a tool by its name."""

import ast
import runpy
import sys
from pathlib import Path

from ..utils.errors import UserError
from .parser import run_tool

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


def _run() -> int | None:
    name = sys.argv[1] if len(sys.argv) > 1 else '--help'
    paths = sorted(TOOLS.glob('*.py'))
    if name in ('-h', '--help'):
        print('usage: digits TOOL [ARGUMENTS ...]\n\ndigits TOOL --help shows the arguments of a tool.\n')
        for path in paths:
            doc = ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))) or ''
            print(f'  {path.stem:20} {doc.partition(chr(10))[0]}')
        return 0
    tool = TOOLS / f'{name.replace("-", "_")}.py'
    if tool not in paths:
        known = ', '.join(path.stem for path in paths) or f'none in {TOOLS}'
        raise UserError(f'digits {name}: unknown tool; the tools are {known}')
    sys.argv = [f'digits {name}', *sys.argv[2:]]
    return runpy.run_path(str(tool))['main']()


def main() -> None:
    """Run `tools/<name>.py` for `digits <name> …` and exit with its code; without a name, list the tools.

    Dashes and underscores in a name are equivalent.
    """
    run_tool(_run)
