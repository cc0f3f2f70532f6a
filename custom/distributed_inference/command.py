"""Command line of the engine: arguments, and a run from its sources to its results."""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

from ..inference.reader import PhotoReader
from ..utils.errors import UserError
from ..utils.messages import complain, duration, one_line, say
from .pipeline import Job, Progress, cluster, facts_of_reader, require_ray, run_shards
from .results import summarise, write_usual_files
from .run_folder import RESULTS, RunFolder
from .sources import plan_shards

LOCAL, RAY = 'local', 'ray'
FEW = 100_000  # photos up to which numbers.csv and pred.json are written beside the Parquet files
ENGINE = 'ray: Ray Data, for more photos than one machine should hold; docs/many_machines.md'


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the engine."""
    parser.add_argument('--engine', choices=[LOCAL, RAY], default=LOCAL, help=f'{ENGINE}; default: {LOCAL}')
    parser.add_argument('--address', metavar='HOST', help='a cluster of Ray, or auto; default: this machine alone')
    parser.add_argument('--resume', action='store_true', help='go on with the run in DIR of --out')


def check_engine(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """End the program by the parser's error if an option is not one of the engine."""
    if args.engine == RAY:
        refused = {'--watch': args.watch, '--json': args.json, '--show-boxes': args.show_boxes, '--labels': args.labels}
        for option, given in refused.items():
            if given:
                parser.error(f'{option}: not with --engine ray, whose results are Parquet files in DIR of --out')
        if args.out is None:
            parser.error('--engine ray needs --out')
    elif args.address or args.resume:
        parser.error(f'{"--address" if args.address else "--resume"}: needs --engine ray')


def predict_with_ray(
    args: argparse.Namespace,
    open_reader: Callable[[], PhotoReader],
    names: dict[str, Any],
    bar: Callable[[int], Progress],
) -> int:
    """Read the photos of the arguments on Ray Data.

    Args:
        args: of `add_arguments` and `add_engine`.
        open_reader: of `Job`.
        names: of the model's files, which a resumed run must share.
        bar: makes the progress bar that begins with this number of photos.

    Returns:
        The exit code: 1 if a photo could not be read.

    Raises:
        UserError: Ray Data is not installed, a source or an option is wrong, or the results cannot be written.
    """
    require_ray()
    started = time.monotonic()
    resumed = args.resume and RunFolder.is_run(args.out)
    if not resumed:
        RunFolder.require_free(args.out)
    if args.resume and not resumed:
        say(f'{args.out}: no run to resume; a new one begins')
    shards = [] if resumed else plan_shards(args.photos)
    job = Job(open_reader, args.min_confidence, args.digits, os.getcwd())
    with cluster(args.address):
        run = {'photos': args.photos, 'folder': job.folder, **names, 'min_confidence': args.min_confidence}
        run |= facts_of_reader(job)
        folder = RunFolder.resume(args.out, run) if resumed else RunFolder.create(args.out, shards, run)
        done = sorted(set(range(len(folder.shards))) - set(folder.open_shards()))
        before = summarise(map(folder.file_of, done)).photos
        if resumed:
            say(f'{args.out}: {len(done)} of {len(folder.shards)} shards with {before} photos are finished')
        progress = bar(before)
        try:
            run_shards(folder, job, progress)
        finally:
            progress.close()
    seconds = time.monotonic() - started
    summary = summarise(folder.files())
    files = f'{len(folder.shards)} Parquet files in {RESULTS}/'
    if summary.photos <= FEW:
        files += _usual_files(folder)
    rate = f'{(summary.photos - before) / seconds:.1f} photos/s with the start of Ray'
    say(f'{args.out}: {summary.photos} photos in {duration(seconds)} ({rate}{_peak()}): {files}')
    if summary.failed:
        first = one_line(summary.first_error)
        complain(f'{summary.failed} photos could not be read; first: {first}')
    return int(summary.failed > 0)


def _peak() -> str:
    try:
        import resource
    except ImportError:  # Windows
        return ''
    return f', {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at the peak in this process'


def _usual_files(folder: RunFolder) -> str:
    try:
        write_usual_files(folder.path, folder.files())
    except UserError as error:  # of two photos of one name
        say(f'note: no numbers.csv and pred.json: {one_line(error)}')
        return ''
    return ', numbers.csv, pred.json'
