"""Code of the tools: parsers, and the commands that span several packages."""

import sys
from importlib.util import find_spec
from pathlib import Path

__all__: list[str] = [
    'contact_sheets',
    'cross_validate',
    'digits',
    'doctor',
    'export_onnx',
    'launch',
    'mmdet_scripts',
    'parser',
    'prepare_data',
    'suspects',
]


def _require_environment() -> None:
    """End a tool that runs outside .venv with a line, before an import fails."""
    examined = 'doctor' in (Path(word).stem for word in sys.argv[:2])  # it lists itself what else is missing
    needed = ('numpy', 'PIL', 'tqdm') if examined else ('numpy', 'PIL', 'tqdm', 'torch', 'mmengine')
    missing = [name for name in needed if find_spec(name) is None]
    if sys.version_info >= (3, 10) and not missing:
        return
    version = '.'.join(map(str, sys.version_info[:2]))
    reason = f'has no {", ".join(missing)}' if missing else f'is Python {version}, and 3.10 is needed'
    activate = Path(__file__).resolve().parents[2] / '.venv/bin/activate'
    way_out = f'. {activate}' if activate.exists() else 'make setup, then . .venv/bin/activate'
    print(f'error: {sys.executable} {reason}: {way_out}', file=sys.stderr)
    sys.exit(2)


_require_environment()
