"""The console command `digits`, which runs the tools by their names."""

import ast
import runpy
import sys
from pathlib import Path

from ..utils.errors import UserError
from .parser import run_tool

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


def _overview() -> str:
    """The name of each tool and the first line of its docstring."""
    lines = ['usage: digits TOOL [ARGUMENTS ...]', '', 'digits TOOL --help shows the arguments of a tool.', '']
    for path in sorted(TOOLS.glob('*.py')):
        doc = ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))) or ''
        lines.append(f'  {path.stem:20} {doc.partition(chr(10))[0]}')
    return '\n'.join(lines)


def _run() -> int | None:
    name = sys.argv[1] if len(sys.argv) > 1 else '--help'
    if name in ('-h', '--help'):
        print(_overview())
        return 0
    tool = TOOLS / f'{name.replace("-", "_")}.py'
    if not name.replace('-', '_').isidentifier() or not tool.is_file():
        known = ', '.join(sorted(path.stem for path in TOOLS.glob('*.py'))) or f'none in {TOOLS}'
        raise UserError(f'digits {name}: unknown tool; the tools are {known}')
    sys.argv = [f'digits {name}', *sys.argv[2:]]
    return runpy.run_path(str(tool))['main']()


def main() -> None:
    """Run `tools/<name>.py` for `digits <name> …` and leave the process with its exit code.

    A tool's name may be written with dashes or underscores. Without a name the tools are listed.
    """
    run_tool(_run)
