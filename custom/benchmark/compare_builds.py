"""Comparison of this build with the build of an earlier commit: the same tasks, rounds in turns A B A B …"""

import contextlib
import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import ModuleType

from ..utils.errors import UserError
from ..utils.messages import say
from .candidate import ROOT, THIS_BUILD, Build, Settings, Worker, environment, is_ours, last_line
from .compare import Comparison, take_turns

CANDIDATES = 'import json, sys, importlib; print(json.dumps(list(importlib.import_module(sys.argv[1]).CANDIDATES)))'
PHOTOS = 'from custom.benchmark import models; from custom.benchmark.candidate import Settings; '
PHOTOS += 'import sys; models.photos_of(Settings(scratch=sys.argv[1]))'


def pins(text: str) -> set[str]:
    """Return the lines of a requirements.txt without comments.

    Example:
        >>> sorted(pins('torch==2.14.1 # a pair\n\n# more\nnumpy==2.2.6\n'))
        ['numpy==2.2.6', 'torch==2.14.1']
    """
    return {line for line in (line.partition('#')[0].strip() for line in text.splitlines()) if line}


def _git(*arguments: str) -> str:
    """Run git in the project. Raises UserError with git's message if it fails."""
    try:
        done = subprocess.run(['git', '-C', str(ROOT), *arguments], capture_output=True)
    except FileNotFoundError:
        raise UserError('--build: needs git; install it') from None
    if done.returncode:
        raise UserError(f'--build: git {arguments[0]} failed ({last_line(done.stderr, done.returncode)})')
    return done.stdout.decode('utf-8', 'replace').strip()


def commit_of(revision: str) -> str:
    """Return the short hash of a revision.

    Raises:
        UserError: git is missing, this folder is no checkout, or the revision is unknown.
    """
    try:
        return _git('rev-parse', '--verify', '--short', '--end-of-options', f'{revision}^{{commit}}')
    except UserError as error:
        raise UserError(f'--build {revision}: no commit of this checkout; `git log --oneline` lists them') from error


@contextlib.contextmanager
def checked_out(commit: str) -> Iterator[Build]:
    """Check out a commit in a temporary folder, which is removed at the end.

    This build's interpreter serves if it has all requirements of the commit in the same versions. Otherwise they are
    installed into an environment of their own.

    Raises:
        UserError: the commit cannot be checked out, or its requirements cannot be installed.
    """
    with tempfile.TemporaryDirectory(prefix='build_', ignore_cleanup_errors=True) as folder:
        root = Path(folder, commit)
        _git('worktree', 'add', '--detach', str(root), commit)
        try:
            yield Build(root, _interpreter(root, commit))
        finally:
            _git('worktree', 'remove', '--force', str(root))


def _interpreter(root: Path, commit: str) -> str:
    requirements = [folder / 'requirements.txt' for folder in (root, ROOT)]
    before, now = (pins(path.read_text(encoding='utf-8')) if path.is_file() else set() for path in requirements)
    if before <= now:
        return sys.executable
    say(f'{commit}: installing its requirements, {", ".join(sorted(before - now))} among them')
    done = subprocess.run(['sh', str(root / 'tools/setup.sh')], stdout=sys.stderr)
    if done.returncode:
        raise UserError(f'--build {commit}: its requirements cannot be installed; see the lines above')
    return str(root / '.venv/bin/python')


def _names(module: str, build: Build) -> list[str]:
    """Return the names of this project's candidates in a build; none if the build lacks the task."""
    command = [build.python, '-c', CANDIDATES, module]
    done = subprocess.run(command, cwd=build.root, env=environment(build), capture_output=True)
    return list(filter(is_ours, json.loads(done.stdout))) if not done.returncode else []


def compare_builds(tasks: Sequence[ModuleType], commit: str, settings: Settings, rounds: int) -> Iterator[Comparison]:
    """Measure this project's candidates of the tasks in this build and in that of `commit_of`; yield each candidate's.

    Both builds get the same photos. Each draws its own weights, or has those of its commit. A candidate that is slower
    in every round is a disagreement.

    Raises:
        UserError: see `checked_out`; the earlier build has none of the tasks; or a candidate failed.
    """
    builds = {'': THIS_BUILD}
    with ExitStack() as stack:
        builds[commit] = stack.enter_context(checked_out(commit))
        folder = tempfile.TemporaryDirectory(prefix='benchmark_', ignore_cleanup_errors=True)
        scratch = Path(stack.enter_context(folder))
        pairs = [
            (task, name)
            for task in tasks
            for known in [_names(task.__name__, builds[commit])]
            for name in filter(is_ours, task.CANDIDATES)
            if name in known
        ]
        if not pairs:
            raise UserError(f'--build {commit}: this commit has none of these benchmarks; name a later one')
        if not settings.images:
            say('making photos')
            subprocess.run([sys.executable, '-c', PHOTOS, str(scratch)], cwd=ROOT, env=environment(), check=True)
            settings = dataclasses.replace(settings, images=str(scratch / 'photos/train'))
        for number, (task, name) in enumerate(pairs):
            yield _compare(task, name, builds, settings, scratch / str(number), rounds)


def _compare(
    task: ModuleType, candidate: str, builds: dict[str, Build], settings: Settings, scratch: Path, rounds: int
) -> Comparison:
    label = f'{task.__name__.rpartition("_")[2]}, {candidate}'
    workers, what = {}, {}
    with ExitStack() as stack:
        for commit, build in builds.items():
            name = f'{commit}: {candidate}' if commit else candidate
            say(f'{label}: preparing {commit or "this build"}')
            own = dataclasses.replace(settings, scratch=str(scratch / (commit or 'this')))
            Path(own.scratch).mkdir(parents=True)
            if files := getattr(task, 'FILES', None):
                Worker(task.__name__, files, own, build).close()
            workers[name] = stack.enter_context(closing(Worker(task.__name__, candidate, own, build)))
            what[name] = f'commit {commit}' if commit else f'this build; {task.CANDIDATES[candidate]}'
        outcomes = take_turns(label, workers, what, rounds, settings)
    comparison = Comparison(label, task.UNIT, outcomes, [])
    (ratios,) = comparison.ratios().values()
    slower = [f'{candidate} is slower than in the earlier build in every round'] if max(ratios) < 1 else []
    return comparison._replace(disagreements=slower)
