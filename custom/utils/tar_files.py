"""Members of tar files, read as a stream with bounded memory."""

import tarfile
from collections.abc import Iterator
from tarfile import ReadError
from typing import IO, Any, BinaryIO, cast

MOST_HEADERS = 1 << 20  # bytes of the headers before a member: long names, pax records, maps of sparse files
DAMAGED = cast(Any, tarfile).InvalidHeaderError, cast(Any, tarfile).TruncatedHeaderError


class _Member(tarfile.TarInfo):
    """Member whose damaged header is an error: tarfile takes one after the first member for the end of the file."""

    @classmethod
    def fromtarfile(cls, tarfile: Any) -> Any:
        """Read the next header."""
        try:
            return super().fromtarfile(tarfile)
        except DAMAGED as error:
            raise ReadError(f'{error} at byte {tarfile.offset}') from error


class _BoundedHeaders:
    """Stream that raises tarfile.ReadError beyond `limit` bytes: tarfile reads a header as a whole, of any size."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.position, self.limit = stream, 0, MOST_HEADERS

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes."""
        piece = self.stream.read(size)
        self.position += len(piece)
        if self.position > self.limit + tarfile.RECORDSIZE:  # what tarfile reads at a time
            raise ReadError(_too_long('the headers of a member have'))
        return piece


def tar_members(stream: BinaryIO | Any) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Yield the members of an uncompressed tar file with the content of each regular file, which is read at once.

    Args:
        stream: has `read`; it is read once, from its start to its end.

    Raises:
        tarfile.TarError: the file is damaged, or has headers of more than MOST_HEADERS bytes before a member.
    """
    bounded = _BoundedHeaders(stream)
    with tarfile.open(fileobj=cast(BinaryIO, bounded), mode='r|', tarinfo=_Member) as tar:
        while (member := tar.next()) is not None:
            bounded.limit = tar.offset + MOST_HEADERS  # the offset is that of the next header
            if sum(len(key) + len(value) for key, value in tar.pax_headers.items()) > MOST_HEADERS:
                raise ReadError(_too_long('its global headers have'))
            yield member, tar.extractfile(member) if member.isreg() else None
            cast(Any, tar).members.clear()  # tarfile keeps all members until the end


def _too_long(what: str) -> str:
    return f'{what} more than {MOST_HEADERS / 1e6:g} MB'
