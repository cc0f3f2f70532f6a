"""Command line that reads the numbers on photos, shared by tools/predict.py and digits-reader."""

import argparse
import contextlib
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ..utils.errors import UserError
from ..utils.files import replacing_set
from ..utils.messages import complain, one_line, say
from .options import ReadingOptions, add_options, options_of
from .reader import PhotoReader, PhotoReading

TABLE = """Prints a table: file, number (-1: none), confidence 0 to 1, the digits with their scores, and the confident
digits that the number leaves out. On a terminal a header stands above, and a line that sums up below. When piped, the
table is tab-separated and bare. Exit code 1 if a photo could not be read; the rest are processed."""
LEAST_INTERVAL, MOST_INTERVAL = 0.1, 3600
Bar = Callable[[Iterator[Any], int], Iterable[Any]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the photos, what is known about them, and the options of their output."""
    parser.add_argument('photos', nargs='*', metavar='PHOTO|DIR|GLOB', help='quote patterns')
    parser.add_argument('--out', type=Path, metavar='DIR', help='write numbers.csv, pred.json and annotated copies')
    text = 'with --out: write what was read as labels to correct in CVAT, Roboflow or Label Studio, with the photos'
    parser.add_argument('--labels', choices=['coco', 'yolo', 'label-studio'], help=text)
    parser.add_argument('--json', action='store_true', help='print a line of JSON for each photo, not the table')
    watch = 'read a folder, and photos as they arrive there; a journal in it, or in DIR of --out, has them all'
    parser.add_argument('--watch', type=Path, metavar='DIR', help=watch)
    parser.add_argument(
        '--interval', type=float, default=1, metavar='S', help='seconds between looks at DIR; default: 1'
    )
    parser.add_argument('--show-boxes', action='store_true', help="show the digits' boxes, xyxy in pixels")
    parser.add_argument('--min-confidence', type=float, default=0, metavar='P', help='answer "unsure" below it, 0 to 1')
    add_options(parser)


def check_arguments(parser: argparse.ArgumentParser, args: argparse.Namespace) -> ReadingOptions:
    """Return what is known about the photos; end the program by the parser's error if a value is out of range.

    Raises UserError for an option of `add_options`.
    """
    if not 0 <= args.min_confidence <= 1:
        parser.error(f'--min-confidence {args.min_confidence}: must be from 0 to 1')
    if not LEAST_INTERVAL <= args.interval <= MOST_INTERVAL:
        parser.error(f'--interval {args.interval}: must be from {LEAST_INTERVAL} to {MOST_INTERVAL} seconds')
    if bool(args.photos) == bool(args.watch):
        parser.error('give photos, or a folder with --watch' if args.watch is None else '--watch: give no other photos')
    if args.labels and (args.out is None or args.watch):
        parser.error('--labels: needs --out DIR, and photos' + ' instead of --watch' * bool(args.watch))
    return options_of(args)


def _print(line: str) -> None:
    print(line, flush=True)


def read_photos(
    args: argparse.Namespace,
    open_reader: Callable[[], PhotoReader],
    bar: Bar = lambda readings, count: readings,
    write: Callable[[str], Any] = _print,
) -> int:
    """Read the photos of the arguments, print the table, and write the outputs.

    Args:
        args: of `add_arguments`.
        open_reader: called when the photos are found, since it takes longer.
        bar: yields the readings, whose number is the second argument, again. Defaults to no progress bar.
        write: prints a line of the table. Defaults to print, at once: a pipe has each number as soon as it is read.

    Returns:
        The exit code: 1 if a photo could not be read.

    Raises:
        UserError: a photo is missing, or the outputs cannot be written.
    """
    from .answers import (
        ANSWERS,
        FOLDER,
        Answer,
        Copies,
        answer_of,
        closing_line,
        find_photos,
        header_line,
        ids_of,
        require_apart,
        table_line,
        write_answers,
    )
    from .records import answer_record

    if args.watch:
        return _watch(args, open_reader)
    others: list[str] = []
    paths = find_photos(args.photos, others)
    ids = ids_of(paths)
    if args.out:
        require_apart(args.out, paths)
    labels = None
    if args.labels:
        from .labels import labels_folder, write_labels

        labels = labels_folder(args.out, args.labels)
    reader = _open(open_reader)
    width = max(4, *(len(one_line(path)) for path in paths)) if sys.stdout.isatty() else 0
    if width and not args.json:
        write(header_line(width))
    answers, failed = list[Answer](), list[UserError]()
    readings = Timed(reader.read_many(paths))
    with replacing_set(args.out, ANSWERS) if args.out else contextlib.nullcontext() as new:
        copies = Copies(new, paths) if new else None
        for image_id, path, reading in zip(ids, paths, bar(readings, len(paths)), strict=True):
            try:
                if isinstance(reading, UserError):
                    if args.json:
                        write(json.dumps({'file': str(path), 'error': one_line(reading)}))
                    raise reading
                answers.append(answer_of(image_id, path, reading, args.min_confidence, args.digits))
                if args.json:
                    write(json.dumps(answer_record(answers[-1])))
                else:
                    write(table_line(answers[-1], args.show_boxes, width))
                if copies:
                    copies.write(answers[-1])
            except UserError as error:
                failed.append(error)
        if new and answers:  # a run without answers keeps the files of an earlier one
            write_answers(new, answers)
    if args.out and answers:
        say(f'{args.out}: {" and ".join(ANSWERS)} of {len(answers)} photos, their copies in {FOLDER}/')
    if labels and answers:
        boxes = write_labels(labels, args.labels, answers)
        count = f'{boxes} boxes on {len(answers)} photos'
        say(f'{labels}: {count}, to be corrected; tools/prepare_data.py imports the export')
    for failure in failed:
        complain(one_line(failure))
    if sys.stderr.isatty():
        say(closing_line(answers, readings.seconds, len(paths) - len(answers), len(others)))
    return int(bool(failed))


class Timed(Iterator[Any]):
    """The items of an iterator, and the time in seconds that it took for them."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.seconds = 0.0
        self._items = iter(items)

    def __next__(self) -> Any:
        """Return the next item."""
        start = time.perf_counter()
        try:
            return next(self._items)
        finally:
            self.seconds += time.perf_counter() - start


def _open(open_reader: Callable[[], PhotoReader]) -> PhotoReader:
    if sys.stderr.isatty():
        say('loading the model')
    return open_reader()


def _watch(args: argparse.Namespace, open_reader: Callable[[], PhotoReader]) -> int:
    """Print a line for each photo that arrives, until Ctrl-C or SIGTERM; a second Ctrl-C does not wait for a photo."""
    from .answers import Answer, answer_of, table_line
    from .watch import HIDDEN, JOURNAL, Journal, Watch, require_folder

    stopped = threading.Event()

    def stop(number: int, frame: Any) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    require_folder(args.watch)
    journal = Journal(args.out / JOURNAL if args.out else args.watch / HIDDEN)

    def answer(image_id: int, path: Path, reading: PhotoReading) -> Answer:
        return answer_of(image_id, path, reading, args.min_confidence, args.digits)

    watch = Watch(args.watch, _open(open_reader), journal, answer)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    say(f'{args.watch}: watched; {len(journal.known)} photos were read before; Ctrl-C stops')
    while not stopped.is_set():
        for record, result in watch.read(stopped.is_set):
            if isinstance(result, UserError):
                complain(one_line(result))
            if args.json:
                print(json.dumps(record), flush=True)
            elif not isinstance(result, UserError):
                print(table_line(result, args.show_boxes), flush=True)
        stopped.wait(args.interval)
    journal.close()
    return 0
