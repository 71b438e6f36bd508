"""The download of QM9, from a server on this machine that serves, cuts, lies and refuses."""

from __future__ import annotations

import base64
import hashlib
import http.server
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.data import connection, download, fetching
from core.data.download import download_files, download_qm9, downloads_folder, missing_bytes
from core.data.fetching import Remote, size_words
from core.data.store import list_datasets, open_dataset
from core.errors import MollensError
from core.tasks import TaskStopped
from tests.core.data.test_qm9 import METHANE, WATER, archive

LIST = b"a heading\n   3   O   [OH2]\n"
Answer = Callable[[http.server.BaseHTTPRequestHandler, bytes], None]


class Mirror:
    """A server with the three files; `answers` holds what to do with the next requests in place of serving them."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.answers: list[Answer] = []
        self.asked: list[dict[str, str]] = []
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                mirror.asked.append({"name": name, **{k.lower(): v for k, v in self.headers.items()}})
                content = mirror.files.get(name)
                if mirror.answers and name == "3195389":
                    mirror.answers.pop(0)(self, content or b"")
                elif content is None:
                    self.send_error(404)
                else:
                    serve(self, content)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/files/"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def starts(self) -> list[str | None]:
        """The Range of every request for the archive."""
        return [request.get("range") for request in self.asked if request["name"] == "3195389"]


def etag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def serve(handler: http.server.BaseHTTPRequestHandler, content: bytes, cut: int | None = None, **headers: str) -> None:
    """Serve `content`, or the part of it that is asked for; close the connection after `cut` bytes."""
    wanted, start = handler.headers.get("Range", ""), 0
    if wanted and handler.headers.get("If-Range", etag(content)) == etag(content):
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        if start >= len(content):
            handler.send_error(416)
            return
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    for key, value in ({"ETag": etag(content), "Content-Type": "binary/octet-stream"} | headers).items():
        handler.send_header(key.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(content) - start))
    handler.end_headers()
    handler.wfile.write(content[start:] if cut is None else content[start : start + cut])
    handler.close_connection = cut is not None


def cut(after: int) -> Answer:
    return lambda handler, content: serve(handler, content, after)


def refuse(code: int, **headers: str) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler, content: bytes) -> None:
        handler.send_response(code)
        for key, value in ({"Content-Length": "0"} | headers).items():
            handler.send_header(key.replace("_", "-"), value)
        handler.end_headers()

    return answer


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A mirror of an archive of two molecules, which counts as the official one."""
    content = archive(
        tmp_path / "a.tar.bz2", {"dsgdb9nsd_000001.xyz": METHANE, "dsgdb9nsd_000003.xyz": WATER}
    ).read_bytes()
    served = {"3195389": content, "3195395": b"Ele-  ZPVE\n", "3195404": LIST}
    official = {
        key: Remote(r.number, r.name, len(served[r.number]), hashlib.md5(served[r.number]).hexdigest(), r.kind)
        for key, r in download.QM9_FILES.items()
    }
    running = Mirror(served)
    monkeypatch.setattr(download, "QM9_FILES", official)
    monkeypatch.setattr(fetching, "pause", lambda seconds, ask: ask())
    monkeypatch.setenv("MOLLENS_FIGSHARE", running.address)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield running
    running.server.shutdown()
    running.server.server_close()


def nothing_is_listed() -> bool:
    return [entry.name for entry in list_datasets()] == ["demo"]


def test_published_sizes_and_checksums(shared: Path) -> None:
    for key in ("atomref", "uncharacterized"):
        remote = download.QM9_FILES[key]
        found = fetching.digests(shared / "qm9" / remote.name)
        assert (found["bytes"], found["md5"]) == (remote.size, remote.md5)


def test_a_download_becomes_a_dataset_that_tells_its_source(mirror: Mirror) -> None:
    told: list[tuple[int, int, str]] = []
    dataset = download_qm9("q", progress=lambda done, total, text="": told.append((done, total, text)))
    assert dataset.molecules.ids.tolist() == [1, 3]
    source = dataset.card.source["files"]["dsgdb9nsd.xyz.tar.bz2"]
    content = mirror.files["3195389"]
    assert source["sha256"] == hashlib.sha256(content).hexdigest()
    assert source["md5"] == hashlib.md5(content).hexdigest() and source["url"] == mirror.address + "3195389"
    assert open_dataset("q").card.source == dataset.card.source
    whole = sum(len(c) for c in mirror.files.values())
    counts = [done for done, total, text in told if text.startswith("downloading")]
    assert counts == sorted(counts) and counts[-1] == whole
    assert all(total == whole for _, total, text in told if text.startswith("downloading"))
    assert missing_bytes() == 0
    asked = len(mirror.asked)
    assert download_qm9("again", exclude_uncharacterized=True).molecules.ids.tolist() == [1]  # 3 is on the list
    assert len(mirror.asked) == asked  # the files were there already


def test_a_cut_connection_is_resumed_where_it_broke(mirror: Mirror) -> None:
    content = mirror.files["3195389"]
    mirror.answers = [cut(100), cut(50)]
    files = download_files()
    assert files.archive.read_bytes() == content
    assert mirror.starts() == [None, "bytes=100-", "bytes=150-"]
    assert sorted(path.name for path in downloads_folder().iterdir()) == [
        ".lock", "atomref.txt", "dsgdb9nsd.xyz.tar.bz2", "uncharacterized.txt",
    ]  # fmt: skip


def test_a_stopped_download_goes_on_in_the_next_process(mirror: Mirror) -> None:
    mirror.answers = [cut(64)]

    def stop(done: int, total: int, text: str = "") -> None:
        if "broke" in text:
            raise TaskStopped

    with pytest.raises(TaskStopped):
        download_qm9("q", progress=stop)
    assert nothing_is_listed()
    assert (downloads_folder() / "dsgdb9nsd.xyz.tar.bz2.part").stat().st_size == 64
    assert missing_bytes() == len(mirror.files["3195389"]) - 64
    download_qm9("q")
    assert mirror.starts() == [None, "bytes=64-"]


def test_a_file_that_changed_meanwhile_is_fetched_from_its_start(mirror: Mirror) -> None:
    content = mirror.files["3195389"]
    mirror.answers = [lambda handler, _: serve(handler, b"BZh" + content[3:][::-1], 90)]
    assert download_files().archive.read_bytes() == content  # If-Range does not match: 200 and everything anew
    assert mirror.starts() == [None, "bytes=90-"]


def test_a_server_without_ranges_starts_again(mirror: Mirror) -> None:
    content = mirror.files["3195389"]

    def whole(handler: http.server.BaseHTTPRequestHandler, content: bytes) -> None:
        del handler.headers["Range"]
        serve(handler, content)

    mirror.answers = [cut(70), whole]
    assert download_files().archive.read_bytes() == content
    assert len(mirror.starts()) == 2


def test_a_server_that_glues_two_files_is_seen_and_asked_once_more(mirror: Mirror) -> None:
    content = mirror.files["3195389"]

    def other_start(handler: http.server.BaseHTTPRequestHandler, content: bytes) -> None:
        serve(handler, b"BZh" + bytes(len(content) - 3), 80, ETag=etag(content))

    mirror.answers = [other_start]
    assert download_files().archive.read_bytes() == content
    assert mirror.starts() == [None, "bytes=80-", None]


def test_a_part_that_nobody_knows_is_not_used(mirror: Mirror) -> None:
    downloads_folder().mkdir(parents=True)
    (downloads_folder() / "dsgdb9nsd.xyz.tar.bz2.part").write_bytes(b"BZh of something else")
    assert download_files().archive.read_bytes() == mirror.files["3195389"]
    assert mirror.starts() == [None]


def test_an_answer_416_starts_again(mirror: Mirror) -> None:
    mirror.answers = [cut(70), refuse(416)]
    assert download_files().archive.read_bytes() == mirror.files["3195389"]
    assert mirror.starts() == [None, "bytes=70-", None]


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_busy_server_is_asked_again(mirror: Mirror, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(fetching, "pause", lambda seconds, ask: waits.append(seconds))
    mirror.answers = [refuse(code), refuse(code, Retry_After="7"), refuse(code, Retry_After="99999"), refuse(code)]
    download_files()
    assert waits == [1.0, 7.0, 60.0, 8.0]


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ([refuse(403)], "127.0.0.1:{port} answered 403 Forbidden; if this network refuses, get the file elsewhere"),
        ([refuse(404)], "answered 404 Not Found"),
        ([refuse(202)], "answered 202 Accepted in place of the file"),
        ([refuse(503)] * 5, "answered 503 Service Unavailable"),
        ([cut(0)] * 5, "broke after 0 bytes"),
        ([refuse(302, Location="file:///etc/passwd")], "Redirection to url 'file:///etc/passwd' is not allowed"),
        ([refuse(302, Location="ftp://127.0.0.1/x")], "redirects to ftp://127.0.0.1, which is not followed"),
        ([lambda h, c: serve(h, b"<!DOCTYPE html> log in", Content_Type="text/html")], "sent a web page in place"),
        ([lambda h, c: serve(h, b"<html>" + c[6:])], "sent a web page in place"),
        ([lambda h, c: serve(h, b"PK" + c[2:])], "that is no bz2 archive"),
        ([lambda h, c: serve(h, c + b"more")], "the official one has"),
        ([lambda h, c: serve(h, c[:-1] + b"?")], "its checksum is"),
    ],
)
def test_a_refusal_is_a_sentence_that_offers_a_file(mirror: Mirror, answers: list[Answer], sentence: str) -> None:
    mirror.answers = list(answers)
    with pytest.raises(MollensError) as told:
        download_qm9("q")
    assert sentence.format(port=mirror.server.server_port) in str(told.value)
    assert "use it: page Add data, Upload a file, or `python -m core import FILE --name NAME`" in str(told.value)
    assert not mirror.answers and nothing_is_listed()
    assert not (downloads_folder() / "dsgdb9nsd.xyz.tar.bz2").exists()
    assert not (downloads_folder() / "dsgdb9nsd.xyz.tar.bz2.part").exists() or sentence.startswith("broke")


def test_a_stated_checksum_that_does_not_hold_is_fetched_again(mirror: Mirror) -> None:
    content = mirror.files["3195389"]
    stated = base64.b64encode(hashlib.md5(content).digest()).decode()
    mirror.answers = [lambda h, c: serve(h, c[:-1] + b"?", Content_MD5=stated)]
    assert download_files().archive.read_bytes() == content
    assert mirror.starts() == [None, None]


def test_a_redirect_on_the_same_scheme_is_followed(mirror: Mirror) -> None:
    mirror.files["elsewhere"] = mirror.files["3195389"]
    mirror.answers = [refuse(302, Location="/elsewhere")]
    assert download_files().archive.read_bytes() == mirror.files["3195389"]


def test_a_redirect_from_https_to_http_is_refused() -> None:
    asked = urllib.request.Request("https://figshare.example/files/1")
    with pytest.raises(connection.Refused, match="redirects to http://figshare.example, which is not followed"):
        connection.Redirects().redirect_request(asked, None, 302, "Found", {}, "http://figshare.example/1")


def test_no_network_is_a_sentence(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("MOLLENS_FIGSHARE", f"http://127.0.0.1:{port}/")
    with pytest.raises(MollensError, match=f"127.0.0.1:{port} refused the connection; if this network refuses"):
        download_qm9("q")

    def unknown(*args: Any, **more: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", unknown)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(MollensError, match="cannot be resolved; is this machine connected to the internet"):
        download_qm9("q")
    assert nothing_is_listed()


def test_an_address_that_is_none_is_refused(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLLENS_FIGSHARE", "file:///etc")
    with pytest.raises(MollensError, match="is no https address; correct MOLLENS_FIGSHARE"):
        download_qm9("q")


def test_a_full_disk_is_told_before_the_first_byte(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "SPACE_FOR_DATASET", 1 << 60)
    with pytest.raises(MollensError, match="MB are free; QM9 needs .* MB; free some space"):
        download_qm9("q")
    assert mirror.asked == []


def test_two_downloads_at_once_and_a_taken_name(mirror: Mirror) -> None:
    inside: list[str] = []

    def second(done: int, total: int, text: str = "") -> None:
        if not inside:
            inside.append("")
            with pytest.raises(MollensError) as told:
                download_files()
            inside[0] = str(told.value)

    download_qm9("q", progress=second)
    assert "another download of QM9 is at work" in inside[0]
    asked = len(mirror.asked)
    with pytest.raises(MollensError, match="dataset q: already exists"):
        download_qm9("q")
    assert len(mirror.asked) == asked


def test_words_for_bytes() -> None:
    assert [size_words(n) for n in (12, 4200, 86_144_227, 1.2e9)] == ["12 B", "4.2 kB", "86.1 MB", "1.20 GB"]
