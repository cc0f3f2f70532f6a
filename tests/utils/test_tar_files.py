import io
import tarfile

import pytest

from custom.utils import tar_files
from custom.utils.tar_files import tar_members

LIMIT = 30_000  # bytes of headers in these tests


def member(name='1.png', content=b'', form=tarfile.PAX_FORMAT, comment=''):
    info = tarfile.TarInfo(name)
    info.size, info.pax_headers = len(content), {'comment': comment} if comment else {}
    return info.tobuf(form) + content.ljust(-len(content) % 512 + len(content), b'\0')


def read(*parts):
    stream = io.BytesIO(b''.join(parts) + bytes(1024))
    return [(info.name, None if file is None else file.read()) for info, file in tar_members(stream)]


def test_members_and_the_content_of_regular_files():
    folder = tarfile.TarInfo('a')
    folder.type = tarfile.DIRTYPE
    long = 'b' * 300 + '.png'
    found = read(folder.tobuf(), member('a/1.png', b'x' * 700), member(long, b'y'), member('2.png', comment='c' * 900))
    assert found == [('a', None), ('a/1.png', b'x' * 700), (long, b'y'), ('2.png', b'')]


SHORT = tarfile.TarInfo.create_pax_global_header({'one': 'a' * 20_000})
PAX = member(comment='a' * 20_000)[:-512]


@pytest.mark.parametrize(
    ('parts', 'fault'),
    [
        ([member(comment='a' * 60_000)], 'headers of a member'),
        ([member('a' * 60_000, form=tarfile.GNU_FORMAT)], 'headers of a member'),
        ([PAX, PAX, PAX, member()], 'headers of a member'),
        ([SHORT, member(), SHORT.replace(b'one', b'two'), member()], 'global headers'),
    ],
    ids=['pax', 'long name', 'many', 'global'],
)
def test_headers_are_bounded_before_tarfile_holds_them(monkeypatch, parts, fault):
    intact = member('0.png', b'x' * 100_000)  # a member of any size follows a member of any size
    assert read(intact, *parts)[0][0] == '0.png'
    monkeypatch.setattr(tar_files, 'MOST_HEADERS', LIMIT)
    assert read(intact, PAX, member('1.png', b'y' * 100_000))[1][1] == b'y' * 100_000
    with pytest.raises(tarfile.ReadError, match=f'{fault} have more than 0.03 MB'):
        read(intact, *parts)


@pytest.mark.parametrize(
    ('header', 'fault'),
    [
        (member('2.png').replace(b'2.png', b'7.png'), 'bad checksum at byte 1024'),
        (b'x' * 512, 'invalid header at byte 1024'),
        (member('2.png')[:300], 'truncated header at byte 1024'),
    ],
    ids=['checksum', 'noise', 'cut'],
)
def test_a_damaged_header_is_not_the_end(header, fault):
    stream = io.BytesIO(member('1.png', b'x') + header)
    found = tar_members(stream)
    assert next(found)[0].name == '1.png'
    with pytest.raises(tarfile.ReadError, match=fault):
        next(found)


@pytest.mark.parametrize('end', [b'', bytes(512), bytes(1024) + b'x' * 512])
def test_the_end_of_a_tar_file(end):
    assert [info.name for info, _ in tar_members(io.BytesIO(member('1.png', b'x') + end))] == ['1.png']


def test_members_that_were_read_are_not_kept(monkeypatch):
    opened = []

    def opening(**options):
        opened.append(original(**options))
        return opened[0]

    original = tarfile.open
    monkeypatch.setattr(tarfile, 'open', opening)
    stream = io.BytesIO(member() * 20 + bytes(1024))
    assert [len(opened[0].members) for _ in tar_members(stream)] == [1] * 20
