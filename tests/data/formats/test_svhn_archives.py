"""custom/data/formats/svhn_archives.py, against a server on this machine."""

import hashlib
import http.server
import io
import tarfile
import threading

import pytest

from custom.data.formats import svhn_archives
from custom.data.formats.svhn_archives import Archive, fetch
from custom.utils.errors import UserError

CONTENT = bytes(range(256)) * 4000


class Handler(http.server.BaseHTTPRequestHandler):
    """Sends CONTENT or the rest of it; the server says how it behaves."""

    def do_GET(self) -> None:
        self.server.asked.append(self.headers.get('Range'))
        if self.path != '/train.tar.gz':
            self.send_error(404)
            return
        start = 0
        if self.server.ranges and self.headers.get('Range'):
            start = int(self.headers['Range'].removeprefix('bytes=').rstrip('-'))
        self.send_response(206 if start else 200)
        self.send_header('Content-Length', str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : start + self.server.stops_after])

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def server(monkeypatch):
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        server.asked, server.ranges, server.stops_after = [], True, len(CONTENT)
        monkeypatch.setattr(svhn_archives, 'SITE', f'http://127.0.0.1:{server.server_port}')
        archive = Archive(len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
        monkeypatch.setattr(svhn_archives, 'ARCHIVES', {'train': archive, 'test': archive})
        monkeypatch.setenv('no_proxy', '127.0.0.1')
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_an_archive_is_fetched_once(server, tmp_path, capsys):
    fetch(tmp_path / 'new', ['train'])
    assert (tmp_path / 'new/train.tar.gz').read_bytes() == CONTENT
    assert 'its checksum is right' in capsys.readouterr().err
    fetch(tmp_path / 'new', ['train'])
    assert server.asked == [None]
    assert names(tmp_path / 'new') == ['train.tar.gz']


def test_an_unpacked_folder_is_not_fetched_again(server, tmp_path):
    (tmp_path / 'train').mkdir()
    (tmp_path / 'train/digitStruct.mat').write_text('')
    fetch(tmp_path, ['train'])
    assert server.asked == []


@pytest.mark.parametrize('ranges', [True, False])
def test_an_interrupted_download_is_resumed(server, tmp_path, ranges):
    server.stops_after, server.ranges = 300_000, ranges
    with pytest.raises(UserError, match='broke off after 300000 of 1024000 bytes; repeat the command to resume'):
        fetch(tmp_path, ['train'])
    assert names(tmp_path) == ['train.tar.gz.part']
    server.stops_after = len(CONTENT)
    fetch(tmp_path, ['train'])
    assert (tmp_path / 'train.tar.gz').read_bytes() == CONTENT
    assert server.asked == [None, 'bytes=300000-']
    assert names(tmp_path) == ['train.tar.gz']


def test_other_content_is_refused_and_removed(server, tmp_path, monkeypatch):
    monkeypatch.setattr(svhn_archives, 'ARCHIVES', {'train': Archive(len(CONTENT), '0' * 64)})
    with pytest.raises(UserError, match='its SHA-256 differs'):
        fetch(tmp_path, ['train'])
    assert names(tmp_path) == []


def test_no_network_is_one_line_and_keeps_what_is_there(server, tmp_path, monkeypatch):
    (tmp_path / 'train.tar.gz.part').write_bytes(CONTENT[:1000])
    with pytest.raises(UserError, match=r'test\.tar\.gz: cannot be downloaded \(HTTP Error 404: Not Found\)'):
        fetch(tmp_path, ['test'])
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError, match=r'cannot be downloaded \(.*refused\); try again later.*by hand') as caught:
        fetch(tmp_path, ['train'])
    assert '\n' not in str(caught.value)
    assert (tmp_path / 'train.tar.gz.part').read_bytes() == CONTENT[:1000]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match='file/x: could not be written'):
        fetch(tmp_path / 'file/x', ['train'])


def test_the_official_archives_are_known():
    assert {part: archive.size for part, archive in svhn_archives.ARCHIVES.items()} == {
        'train': 404_141_560,
        'test': 276_555_967,
        'extra': 1_955_489_752,
    }
    assert all(len(archive.sha256) == 64 for archive in svhn_archives.ARCHIVES.values())


@pytest.mark.parametrize('header', [False, True])
def test_an_archive_that_unpacks_to_an_unlikely_size_is_refused(tmp_path, monkeypatch, header):
    monkeypatch.setattr(svhn_archives, 'ROOM', 10**5)
    with tarfile.open(tmp_path / 'train.tar.gz', 'w:gz') as archive:
        info = tarfile.TarInfo('train/1.png')
        if header:
            info.pax_headers = {'comment': 'a' * 2_000_000}
        info.size = 0 if header else 2_000_000
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    with pytest.raises(UserError, match='unpacks to an unlikely size'):
        svhn_archives.unpack(tmp_path / 'train.tar.gz', 'train', tmp_path)
