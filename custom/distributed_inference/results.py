"""Results of a shard as a Parquet file, and numbers.csv and pred.json from such files."""

import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..inference.answers import COLUMNS, Answer, ids_of
from ..structures.detections import Detections
from ..structures.geometry import xywh_to_xyxy
from ..submission.pred_json import encode_entries, write_entries
from ..utils.errors import UserError
from ..utils.files import replacing, replacing_set
from ..utils.tables import row_writer

if TYPE_CHECKING:
    import pyarrow

PLACE = ('shard', 'index')  # of a photo: number of its shard, number in the shard


def schema() -> 'pyarrow.Schema':
    """Return the columns of a Parquet file of results.

    `digits`, `scores` and `boxes` (xyxy in pixels) are those of the number, in reading order. `all_digits`,
    `all_scores` and `all_boxes` are those of all detections, best first, as in pred.json. `number`, `confidence` and
    `answer` are those of numbers.csv. A photo that could not be read has an `error` and nothing else.
    """
    import pyarrow as pa

    digits, scores, boxes = pa.list_(pa.int8()), pa.list_(pa.float64()), pa.list_(pa.list_(pa.float64()))
    return pa.schema(
        [
            ('file', pa.string()),
            ('number', pa.string()),
            ('confidence', pa.float64()),
            ('answer', pa.string()),
            ('digits', digits),
            ('scores', scores),
            ('boxes', boxes),
            ('error', pa.string()),
            ('all_digits', digits),
            ('all_scores', scores),
            ('all_boxes', boxes),
        ]
    )


def placed_schema() -> 'pyarrow.Schema':
    """Return the columns of `schema` after those of PLACE, and `last`: the photo is the last one of its shard."""
    import pyarrow as pa

    places = [*((name, pa.int32()) for name in PLACE), ('last', pa.bool_())]
    return pa.schema([*(pa.field(*place) for place in places), *schema()])


def utf8(text: object) -> str:
    """Return a text that Parquet can hold: bytes of a file name that are no UTF-8 are escaped."""
    return str(text).encode('utf-8', 'backslashreplace').decode()


def row_of(name: str, result: Answer | UserError) -> dict[str, Any]:
    """Return the row of a photo for `schema`. Boxes are rounded to 3 decimals, as in pred.json."""
    if isinstance(result, UserError):
        return {'file': utf8(name), 'error': utf8(result)}
    reading = result.reading
    boxes = xywh_to_xyxy(reading.detections.bboxes).round(3)
    return {
        'file': utf8(name),
        'number': reading.text,
        'confidence': reading.confidence,
        'answer': result.kind,
        'digits': reading.detections.labels[reading.used],
        'scores': reading.detections.scores[reading.used],
        'boxes': list(boxes[reading.used]),
        'all_digits': reading.detections.labels,
        'all_scores': reading.detections.scores,
        'all_boxes': list(boxes),
    }


def write_shard(path: Path, rows: 'pyarrow.Table') -> None:
    """Write the rows of a shard, sorted by `index`; equal rows give equal bytes. Raises UserError if this fails.

    `RunFolder` removes what a killed run left, since there may be 100,000 files.
    """
    from pyarrow import parquet

    table = rows.sort_by('index').select(schema().names).cast(schema()).combine_chunks()
    with replacing(path, clean=False) as beside:
        parquet.write_table(table, beside, compression='zstd')


class Summary(NamedTuple):
    """Numbers of photos and of those that could not be read, and the error of the first one."""

    photos: int
    failed: int
    first_error: str


def summarise(paths: Iterable[Path]) -> Summary:
    """Count the photos and the errors of files of results."""
    from pyarrow import parquet

    photos, failed, first = 0, 0, ''
    for path in paths:
        errors = parquet.read_table(path, columns=['error'], partitioning=None)['error']
        own = len(errors) - errors.null_count
        photos, failed = photos + len(errors), failed + own
        if own and not first:
            first = errors.drop_null()[0].as_py()
    return Summary(photos, failed, first)


def write_usual_files(folder: Path, paths: Sequence[Path]) -> None:
    """Write numbers.csv and pred.json of files of results, one file at a time; photos with an error are in neither.

    Raises:
        UserError: two photos would share an image id, or a file cannot be written.
    """
    ids = iter(ids_of(name for table in _tables(paths, ['file']) for name in table['file'].to_pylist()))
    text = io.StringIO(newline='')
    write_row = row_writer(text)
    write_row(COLUMNS)
    with (
        replacing_set(folder) as new,
        (new / 'numbers.csv').open('w', encoding='utf-8', errors='surrogateescape', newline='') as file,
    ):

        def entries() -> Iterator[bytes]:
            columns = [*COLUMNS[:-1], 'error', 'all_boxes', 'all_scores', 'all_digits']
            for table in _tables(paths, columns):
                for row, image_id in zip(table.to_pylist(), ids, strict=False):
                    if row['error'] is not None:
                        continue
                    write_row([row['file'], row['number'], round(row['confidence'], 4), row['answer'], image_id])
                    labels = row['all_digits']
                    boxes = np.array(row['all_boxes'], np.float64)
                    yield encode_entries(
                        Detections.from_model([image_id] * len(labels), boxes, row['all_scores'], labels)
                    )
                file.write(text.getvalue())
                text.seek(0)
                text.truncate()

        write_entries(new / 'pred.json', entries())
        file.write(text.getvalue())


def _tables(paths: Iterable[Path], columns: list[str]) -> 'Iterator[pyarrow.Table]':
    from pyarrow import parquet

    for path in paths:
        yield parquet.read_table(path, columns=columns, partitioning=None)
