"""reader.json: how a model's boxes become numbers and entries of pred.json, and what that was tuned on."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from custom.boxes import BoxConfig
from custom.errors import UserError
from custom.files import parse_json, replacing
from custom.reader_config import ReaderConfig
from custom.views import Views


@dataclasses.dataclass(frozen=True)
class Reader:
    """What `tools/tune_reader.py` chooses, beside a checkpoint and inside it.

    Args:
        number: how boxes become the number on a photo. Defaults to ReaderConfig().
        boxes: which boxes go into pred.json. Defaults to BoxConfig().
        fingerprint: of the weights it was tuned for. Defaults to None, tuned from a pred.json alone.
        tuned_on: the files and the figures measured on them, by name; for people. Defaults to nothing.
        views: how photos are seen before the reader gets the boxes. Defaults to Views(), once, at the usual size.
    """

    number: ReaderConfig = dataclasses.field(default_factory=ReaderConfig)
    boxes: BoxConfig = dataclasses.field(default_factory=BoxConfig)
    fingerprint: str | None = None
    tuned_on: dict[str, Any] = dataclasses.field(default_factory=dict)
    views: Views = dataclasses.field(default_factory=Views)

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold, and `from_dict` takes."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls, content: Any, name: str | os.PathLike = 'reader') -> 'Reader':
        """Take a reader apart; what it leaves out has its default.

        Args:
            content: as `to_dict` gives it.
            name: what messages call it. Defaults to 'reader'.

        Raises:
            UserError: an unknown key, a value of the wrong kind, or a threshold out of range.
        """
        fields = _object(content, cls, name)
        for key, config in (('number', ReaderConfig), ('boxes', BoxConfig), ('views', Views)):
            if key in fields:
                try:
                    fields[key] = config(**_object(fields[key], config, f'{name}: "{key}"'))
                except UserError as error:
                    where = '' if str(error).startswith(str(name)) else f'{name}: "{key}": '
                    raise UserError(f'{where}{error}') from error
        if not isinstance(fields.get('fingerprint'), (str, type(None))):
            raise UserError(f'{name}: "fingerprint" must be text or null, not {fields["fingerprint"]!r}')
        if not isinstance(fields.get('tuned_on', {}), dict):
            raise UserError(f'{name}: "tuned_on" must be an object, not {fields["tuned_on"]!r}')
        reader = cls(**fields)
        try:  # a checkpoint may hold anything
            reader.to_dict()
        except (RecursionError, TypeError, ValueError) as error:
            raise UserError(f'{name}: "tuned_on" holds what JSON cannot ({error})') from error
        return reader


def _object(content: Any, kind: type, name: str | os.PathLike) -> dict[str, Any]:
    known = [field.name for field in dataclasses.fields(kind)]
    if not isinstance(content, dict):
        raise UserError(f'{name}: must be an object with {", ".join(known)}, not {type(content).__name__}')
    if unknown := [key for key in content if key not in known]:
        raise UserError(f'{name}: unknown key {unknown[0]!r}; the keys are {", ".join(known)}')
    return dict(content)


def read_reader(path: str | os.PathLike) -> Reader:
    """Read a reader.json.

    Raises:
        UserError: the file cannot be read, is not JSON, or `Reader.from_dict` refuses it.
    """
    try:
        content = parse_json(Path(path).read_text(encoding='utf-8'))
    except OSError as error:
        raise UserError(f'{path}: cannot be read ({error.strerror}); make one with tools/tune_reader.py') from error
    except ValueError as error:
        raise UserError(f'{path}: not JSON ({error}); make one with tools/tune_reader.py') from error
    return Reader.from_dict(content, path)


def write_reader(path: str | os.PathLike, reader: Reader) -> None:
    """Write a reader.json, one key a line.

    Raises:
        UserError: the file cannot be written.
    """
    with replacing(path) as beside:
        beside.write_text(json.dumps(reader.to_dict(), indent=2, ensure_ascii=False) + '\n', encoding='utf-8')
