"""Benchmark of a whole process that reads one photo; its memory is that of the process."""

import subprocess
import sys
from pathlib import Path

from ..utils.errors import UserError
from .candidate import ROOT, Prepared, Settings, environment, last_line
from .readers import FILES as FILES
from .readers import MODELS, make_files, photos_of_round

UNIT = 'processes'
CANDIDATES = {
    'ours': 'digits-reader PHOTO, from the start of the process to its end',
    'torch': 'tools/predict.py PHOTO, the same weights and views',
}
COMMAND = 'from custom.onnx_reader.command import main; main()'


def prepare(candidate: str, settings: Settings) -> Prepared:
    """Choose a photo; every round is a process of its own."""
    if candidate == FILES:
        make_files(settings)
        return Prepared(lambda: 1)
    photo = str(photos_of_round(settings)[0].resolve())
    if candidate == 'ours':
        command = [sys.executable, '-c', COMMAND, photo, '--model', str(Path(settings.scratch, MODELS['ours']))]
    else:
        command = [sys.executable, str(ROOT / 'tools/predict.py'), photo]

    def run() -> int:
        done = subprocess.run(command, env=environment(), capture_output=True)
        if done.returncode:
            raise UserError(last_line(done.stderr, done.returncode))
        return 1

    return Prepared(run)
