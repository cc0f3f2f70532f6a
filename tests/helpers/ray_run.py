"""A run on Ray with a reader that logs the photos that it reads.

python tests/helpers/ray_run.py LOG ARGUMENTS...
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from custom.distributed_inference.command import add_engine, check_engine, predict_with_ray
from custom.inference.command import add_arguments
from custom.inference.reader import PhotoReader
from custom.inference.views import PhotoViews
from custom.reading.settings import ReaderSettings


class Grey:
    """A detector that sees the last digit of the mean grey, on the whole photo."""

    def detect(self, views):
        found = []
        for view in views:
            height, width = view.pixels.shape[:2]
            box = np.array([[0, 0, width / view.scale[0], height / view.scale[1]]], np.float32)
            found.append((box, np.array([0.9], np.float32), np.array([int(view.pixels.mean()) % 10])))
        return found


class LoggingReader(PhotoReader):
    """A reader of `Grey` that appends its process and the name of each photo to a file."""

    def __init__(self, log: str, pause: float = 0.02) -> None:
        super().__init__(Grey(), PhotoViews((64, 64)), ReaderSettings(), batch_size=1)
        self.log, self.pause = log, pause  # seconds a photo

    def read(self, photo, name=None):
        time.sleep(self.pause)
        with open(self.log, 'a') as file:
            file.write(f'{os.getpid()} {name}\n')
        return super().read(photo, name)


def main() -> int:
    log = sys.argv[1]
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    add_engine(parser)
    args = parser.parse_args(sys.argv[2:])
    check_engine(parser, args)

    class Bar:
        total = None

        def update(self, n):
            pass

        def close(self):
            pass

    return predict_with_ray(args, lambda: LoggingReader(log), {}, lambda initial: Bar())


if __name__ == '__main__':
    sys.exit(main())
