"""Http connections: what is opened and followed, and what is told in words when it fails."""

from __future__ import annotations

import re
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

TIMEOUT = 30.0  # seconds without a byte


class Refused(Exception):
    """The server or the network said no; `again` tells whether another try makes sense, after `wait` seconds."""

    def __init__(self, words: str, again: bool, wait: float | None = None) -> None:
        super().__init__(words)
        self.again = again
        self.wait = wait


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect unless it leads from https to something else."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        old, new = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        if new.scheme != "https" and not (old.scheme == new.scheme == "http"):
            raise Refused(f"it redirects to {new.scheme}://{new.netloc}, which is not followed", again=False)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def opener() -> urllib.request.OpenerDirector:
    """Opens http and https only, through the proxy that the environment names; no files, no ftp."""
    made = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler, urllib.request.HTTPHandler, urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler, Redirects, urllib.request.HTTPErrorProcessor,
    ):  # fmt: skip
        made.add_handler(handler())
    return made


def range_of(reply: Any) -> tuple[int, int | None]:
    """First byte of the answer, and bytes of the whole file where the server tells."""
    if reply.status == 206:
        found = re.fullmatch(r"bytes (\d{1,15})-\d{1,15}/(\d{1,15}|\*)", reply.headers.get("Content-Range", ""))
        if found is None:
            return -1, None
        return int(found[1]), None if found[2] == "*" else int(found[2])
    length = reply.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def retry_after(text: str | None) -> float | None:
    """Seconds that a server asks to wait; it says a number or a date."""
    if not text:
        return None
    if text.isdigit():
        return float(text[:6])
    with suppress(ValueError, TypeError):
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    return None


def raise_disk_error(error: BaseException) -> None:
    """Let faults of this disk pass as what they are."""
    if isinstance(error, OSError) and not isinstance(error, urllib.error.URLError | ConnectionError | TimeoutError):
        name = getattr(error, "filename", None)
        if name is not None or error.errno in (28, 122, 27):
            raise error


def network_words(error: BaseException, host: str) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, socket.gaierror):
        return f"the name {host} cannot be resolved; is this machine connected to the internet?"
    if isinstance(reason, ConnectionRefusedError):
        return f"{host} refused the connection"
    if isinstance(reason, TimeoutError):
        return f"{host} did not answer for {TIMEOUT:.0f} s"
    words = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return f"no connection to {host} ({words})"
