"""Folder of a run: its manifest of shards, and a Parquet file of results for each finished shard."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from ..utils.errors import UserError
from ..utils.files import parse_json, remove_leftovers, replacing
from ..utils.messages import one_line
from .shards import Shard

MANIFEST, RESULTS = 'shards.jsonl', 'readings'
VERSION = 1


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """Folder `--out` of a run that can be resumed.

    The manifest has a line for the run and one for each shard. The results of shard 12 are in readings/000012.parquet,
    which is written beside and renamed. A shard without such a file is open.

    Args:
        path: of the folder.
        shards: of the manifest.
    """

    path: Path
    shards: list[Shard]

    @classmethod
    def create(cls, path: Path, shards: list[Shard], run: dict[str, Any]) -> 'RunFolder':
        """Write the manifest of a new run; `run` is what must be equal when it is resumed.

        Raises:
            UserError: the folder has a run already, or cannot be written to.
        """
        cls.require_free(path)
        with replacing(path / MANIFEST) as beside, beside.open('w', encoding='utf-8') as file:
            file.write(json.dumps({'version': VERSION, **run}) + '\n')
            file.writelines(json.dumps(shard.to_dict()) + '\n' for shard in shards)
        return cls(path, shards)

    @classmethod
    def resume(cls, path: Path, run: dict[str, Any]) -> 'RunFolder':
        """Read the manifest of a run, and remove the unfinished files of a run that was killed.

        Raises:
            UserError: the manifest is damaged, or the run was started with another `run`.
        """
        shards, known = [], None
        try:
            with (path / MANIFEST).open(encoding='utf-8') as file:
                known = parse_json(next(file, ''))
                if not isinstance(known, dict) or known.pop('version', None) != VERSION:
                    raise ValueError('another version')
                shards = [Shard.from_dict(parse_json(line)) for line in file]
        except OSError as error:
            raise UserError(f'{path / MANIFEST}: cannot be read ({error.strerror})') from None
        except (ValueError, TypeError) as error:
            way = 'start the run anew with another --out'
            raise UserError(f'{path / MANIFEST}: is damaged ({one_line(error)}); {way}') from None
        given = json.loads(json.dumps(run))
        if changed := [key for key in sorted(known.keys() | given.keys()) if known.get(key) != given.get(key)]:
            key = changed[0]
            fault = f'was started with {key} {known.get(key)!r:.200}, not {given.get(key)!r:.200}'
            raise UserError(f'{path}: the run {fault}; go on with the same, or choose another --out')
        remove_leftovers(path / RESULTS)
        return cls(path, shards)

    @staticmethod
    def require_free(path: Path) -> None:
        """Raise UserError if a folder has the results of a run."""
        if (path / MANIFEST).exists() or (path / RESULTS).exists():
            raise UserError(f'{path}: has the results of a run; go on with --resume, or choose another --out')

    @staticmethod
    def is_run(path: Path) -> bool:
        """Return whether a folder has a run to resume."""
        return (path / MANIFEST).is_file()

    def file_of(self, number: int) -> Path:
        """Return the path of the results of a shard."""
        return self.path / RESULTS / f'{number:06d}.parquet'

    def open_shards(self) -> list[int]:
        """Return the numbers of the shards that are not finished."""
        present = {path.name for path in (self.path / RESULTS).glob('*.parquet')}
        return [number for number in range(len(self.shards)) if self.file_of(number).name not in present]

    def files(self) -> list[Path]:
        """Return the paths of the results of all shards, in order."""
        return [self.file_of(number) for number in range(len(self.shards))]
