"""Fetch one file over http: resumed after a break, retried within bounds, checked before it gets its name."""

from __future__ import annotations

import base64
import binascii
import hashlib
import http.client
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from core.data.connection import TIMEOUT, Refused, network_words, opener, raise_disk_error, range_of, retry_after
from core.errors import MollensError
from core.files import plain_disk_errors, write_bytes

TRIES = 5  # in a row without a new byte
LONGEST_WAIT = 60.0  # seconds before another try, whatever the server asks for
_BLOCK = 1 << 18
_RETRIED = (408, 425, 429, 500, 502, 503, 504)
_MD5 = re.compile(r"[0-9a-f]{32}")

Told = Callable[[int, str], None]
"""called with the bytes that are there and words; may raise to end the download"""


@dataclass(frozen=True)
class Remote:
    """A file on a server."""

    number: str
    """its last part in the address"""
    name: str
    """its name here"""
    size: int
    """bytes"""
    md5: str
    kind: Literal["archive", "text"]


def pause(seconds: float, ask: Callable[[], None]) -> None:
    """Wait before another try, asking several times a second whether to go on at all."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        ask()
        time.sleep(min(left, 0.2))


def digests(path: Path) -> dict[str, Any]:
    """Bytes, md5 and sha256 of a file."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            md5.update(block)
            sha256.update(block)
    return {"bytes": path.stat().st_size, "md5": md5.hexdigest(), "sha256": sha256.hexdigest()}


def fetch(remote: Remote, address: str, folder: Path, told: Told) -> Path:
    """Fetch `address` into `folder` under the remote file's name, where it appears whole and checked or not at all.

    What is there already is used. A broken download stays as <name>.part with <name>.part.json beside it, and goes on
    from there if the server still has the same file.

    Raises:
        MollensError: if the address is no http address, the network or the server refuses, the bytes are not those
            that are expected, or the disk is full.
    """
    path = folder / remote.name
    if urllib.parse.urlsplit(address).scheme not in ("https", "http"):
        raise MollensError(f"{remote.name}: {address!r} is no https address; correct MOLLENS_FIGSHARE")
    if path.is_file() and path.stat().st_size == remote.size and digests(path)["md5"] == remote.md5:
        told(remote.size, f"{remote.name} is there already")
        return path
    folder.mkdir(parents=True, exist_ok=True)
    download = _Download(remote, address, path, told)
    with plain_disk_errors(path):
        for last in (False, True):
            download.run()
            found = digests(download.part)["md5"]
            if found == remote.md5:
                download.part.replace(path)
                download.notes.unlink(missing_ok=True)
                return path
            resumed = download.resumed
            download.forget()
            if last or not resumed:  # a resumed one may have been glued from two files: once more from the start
                break
    raise MollensError(
        f"{remote.name}: its checksum is {found}, the published one is {remote.md5}; "
        f"the bytes from {download.host} are not the official file and were removed; try again"
    )


class _Download:
    """The way of one file from its server to <name>.part."""

    def __init__(self, remote: Remote, address: str, path: Path, told: Told) -> None:
        self.remote, self.address, self.told = remote, address, told
        self.part = path.with_name(f"{path.name}.part")
        self.notes = path.with_name(f"{path.name}.part.json")
        self.host = urllib.parse.urlsplit(address).netloc
        self.resumed = False
        self._rate = _Rate()

    def run(self) -> None:
        """Try until the part is whole, at most TRIES times in a row without a new byte."""
        failures = 0
        while True:
            before = self._there()
            if before == self.remote.size:
                return
            try:
                self._once()
                continue
            except Refused as refused:
                failures = 1 if self._there() > before else failures + 1
                if not refused.again or failures >= TRIES:
                    raise MollensError(f"{self.remote.name}: {refused}") from refused
                wait = min(refused.wait if refused.wait is not None else 2.0 ** (failures - 1), LONGEST_WAIT)
                words = f"{refused}; next try in {wait:.0f} s"
            pause(wait, lambda words=words: self.told(self._there(), words))  # type: ignore[misc]

    def forget(self) -> None:
        """Remove what was fetched."""
        self.part.unlink(missing_ok=True)
        self.notes.unlink(missing_ok=True)

    def _there(self) -> int:
        size = self.part.stat().st_size if self.part.exists() else 0
        if size > self.remote.size:
            self.forget()
            return 0
        return size

    def _noted(self) -> dict[str, str]:
        """What the server said about the file when the part was begun."""
        with suppress(OSError, ValueError):
            content = json.loads(self.notes.read_bytes())
            if isinstance(content, dict) and content.get("url") == self.address:
                return {key: str(value) for key, value in content.items()}
        self.part.unlink(missing_ok=True)  # nobody knows what it is a part of
        return {}

    def _once(self) -> None:
        """One request; raises Refused where it did not bring all of the rest."""
        noted = self._noted()
        start = self._there()
        headers = {"User-Agent": "Mollens", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if mark := noted.get("etag") or noted.get("modified"):
                headers["If-Range"] = mark
        try:
            with opener().open(urllib.request.Request(self.address, headers=headers), timeout=TIMEOUT) as reply:
                self._receive(reply, start)
        except urllib.error.HTTPError as error:
            with error:
                self._refused_by_server(error, start)
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            raise_disk_error(error)
            raise Refused(network_words(error, self.host), again=True) from error

    def _refused_by_server(self, error: urllib.error.HTTPError, start: int) -> None:
        if error.code == 416 and start:  # the part is longer than the file that is there now
            self.forget()
            raise Refused("the file on the server has changed; it is fetched anew", again=True, wait=0.0)
        words = f"{self.host} answered {error.code} {error.reason}".rstrip()
        raise Refused(words, again=error.code in _RETRIED, wait=retry_after(error.headers.get("Retry-After")))

    def _receive(self, reply: Any, start: int) -> None:
        if reply.status not in (200, 206):
            raise Refused(f"{self.host} answered {reply.status} {reply.reason} in place of the file", again=False)
        self.host = urllib.parse.urlsplit(reply.geturl()).netloc
        begin, total = range_of(reply)
        if reply.status == 206 and begin != start:
            self.forget()
            raise Refused(f"{self.host} sent another part than was asked for", again=True)
        first = reply.read(_BLOCK)
        if begin == 0:
            self._check_kind(reply, first)
        if total is not None and total != self.remote.size:
            self.forget()
            raise Refused(
                f"{self.host} has a file of {total:,} bytes; the official one has {self.remote.size:,}", again=False
            )
        if begin == 0:
            self.forget()
            self._note(reply)
        else:
            self.resumed = True
        with open(self.part, "ab" if begin else "wb") as file:
            done = self._copy(reply, first, file, begin)
        if done < self.remote.size:
            raise Refused(f"the connection to {self.host} broke after {done:,} bytes", again=True)
        self._check_stated_md5(reply)

    def _copy(self, reply: Any, block: bytes, file: IO[bytes], done: int) -> int:
        self._rate.begin(done)
        while block:
            if done + len(block) > self.remote.size:
                file.truncate(0)
                raise Refused(f"{self.host} sends more than {self.remote.size:,} bytes", again=False)
            file.write(block)
            done += len(block)
            self.told(done, self._rate.words(self.remote, done))
            try:
                block = reply.read1(_BLOCK)
            except http.client.IncompleteRead as error:
                block = error.partial
                if not block:
                    break
        return done

    def _check_kind(self, reply: Any, first: bytes) -> None:
        """Refuse a web page, as a network's login gives in place of every file."""
        kind = reply.headers.get_content_type()
        if kind in ("text/html", "application/xhtml+xml") or first[:200].lstrip().lower().startswith(
            (b"<!doctype", b"<html")
        ):
            raise Refused(
                f"{self.host} sent a web page in place of the file; does this network ask for a login?", again=False
            )
        if self.remote.kind == "archive" and first and not first.startswith(b"BZh"):
            raise Refused(f"{self.host} sent {kind} that is no bz2 archive", again=False)

    def _check_stated_md5(self, reply: Any) -> None:
        """Where the server states an MD5 of the whole file, what arrived must have it."""
        stated = reply.headers.get("Content-MD5", "") if reply.status == 200 else ""
        with suppress(binascii.Error, ValueError):
            digest = base64.b64decode(stated, validate=True).hex()
            if _MD5.fullmatch(digest) and digest != digests(self.part)["md5"]:
                self.forget()
                raise Refused(f"what arrived from {self.host} has not the checksum that it states", again=True)

    def _note(self, reply: Any) -> None:
        etag = reply.headers.get("ETag", "")
        noted = {
            "url": self.address,
            "etag": "" if etag.startswith("W/") else etag,  # a weak one may not be used in If-Range
            "modified": reply.headers.get("Last-Modified", ""),
            "bytes": self.remote.size,
        }
        write_bytes(self.notes, json.dumps(noted).encode())


class _Rate:
    """Bytes per second since the connection began, and the time that is left."""

    def begin(self, done: int) -> None:
        self._from, self._at = done, time.monotonic()

    def words(self, remote: Remote, done: int) -> str:
        spent = time.monotonic() - self._at
        text = f"downloading {remote.name}: {size_words(done)} of {size_words(remote.size)}"
        if spent < 1.0 or done == self._from:
            return text
        rate = (done - self._from) / spent
        left = (remote.size - done) / rate
        return (
            f"{text}, {size_words(rate)}/s, {left:.0f} s left"
            if left < 100
            else f"{text}, {size_words(rate)}/s, {left / 60:.0f} min left"
        )


def size_words(n_bytes: float) -> str:
    """Bytes for people: 512 B, 4.2 kB, 86.1 MB, 1.20 GB."""
    for unit, size, digits in (("GB", 1e9, 2), ("MB", 1e6, 1), ("kB", 1e3, 1)):
        if n_bytes >= size:
            return f"{n_bytes / size:.{digits}f} {unit}"
    return f"{n_bytes:.0f} B"
