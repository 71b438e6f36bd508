"""Files for an import that came through the browser, and files of this machine that the page may read."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from core.errors import MollensError
from core.files import home, plain_disk_errors

KEPT_FOR = 24 * 3600.0  # seconds that an upload waits for its import
SPARE = 200 << 20  # bytes that an upload leaves free on the disk
LONGEST_NAME = 100
MOST_LISTED = 200
MOST_LOOKED_AT = 2000
_BLOCK = 1 << 20
_TOKEN = re.compile(r"[0-9a-f]{16}")
_OTHERS = re.compile(r"[^A-Za-z0-9._+-]+")


def uploads_folder() -> Path:
    """Where uploads wait for their import."""
    return home() / "uploads"


def safe_name(name: str) -> str:
    """A file name that is only a name: plain letters, digits, '.', '_', '+' and '-', no leading dot, not too long."""
    plain = unicodedata.normalize("NFKD", name.replace("\\", "/").rpartition("/")[2]).encode("ascii", "ignore").decode()
    plain = _OTHERS.sub("_", plain).lstrip("._-") or "upload"
    if len(plain) <= LONGEST_NAME:
        return plain
    stem, ends = plain, ""
    for _ in range(2):  # .xyz.tar.bz2 tells people what it is
        stem, dot, end = stem.rpartition(".")
        if not dot or len(end) > 8:
            break
        ends = f".{end}{ends}"
    return plain[: LONGEST_NAME - len(ends)] + ends


def save_upload(stream: IO[bytes], name: str, size: int, largest: int) -> Path:
    """Write an upload into a folder of its own, block by block, and return where it lies.

    Args:
        size: bytes that it announces.
        largest: bytes that an upload may have.

    Raises:
        MollensError: if it is empty or too large, or the disk has no room for it; nothing is left then.
    """
    remove_old_uploads()
    name = safe_name(name)
    if size > largest:
        raise MollensError(_too_large(name, size, largest))
    folder = uploads_folder() / secrets.token_hex(8)
    with plain_disk_errors(folder):
        folder.mkdir(parents=True)
        try:
            free = shutil.disk_usage(folder).free
            if free < size + SPARE:
                raise MollensError(
                    f"{name}: has {size / 1e6:,.0f} MB; {free / 1e6:,.0f} MB are free on the disk of "
                    f"{uploads_folder()}; free some space or set MOLLENS_HOME to another disk"
                )
            path = folder / name
            written = 0
            with open(path, "xb") as file:
                while block := stream.read(_BLOCK):
                    written += len(block)
                    if written > largest:
                        raise MollensError(_too_large(name, written, largest))
                    file.write(block)
            if not written:
                raise MollensError(f"{name}: is empty (0 bytes); choose another file")
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return path


def _too_large(name: str, size: int, largest: int) -> str:
    return (
        f"{name}: has {size / 1e6:,.1f} MB; at most {largest / 1e6:,.1f} MB can be uploaded; put it into "
        f"{incoming_folder()} on the server, or use `python -m core import`"
    )


def find_upload(text: str) -> Path | None:
    """The upload that `<token>/<name>` names; None if it is gone or no upload."""
    token, _, name = text.partition("/")
    path = uploads_folder() / token / name
    return path if _TOKEN.fullmatch(token) and name == safe_name(name) and path.is_file() else None


def upload_key(path: Path) -> str | None:
    """`<token>/<name>` of a file that is an upload; None for any other."""
    is_one = path.parent.parent == uploads_folder() and _TOKEN.fullmatch(path.parent.name)
    return f"{path.parent.name}/{path.name}" if is_one else None


def remove_upload(path: Path) -> None:
    """Remove an upload with its folder; a path that is no upload is left alone."""
    if upload_key(path):
        shutil.rmtree(path.parent, ignore_errors=True)


def remove_old_uploads(now: float | None = None) -> None:
    """Remove uploads that were not imported within a day."""
    now = time.time() if now is None else now
    root = uploads_folder()
    for folder in list(root.iterdir()) if root.is_dir() else []:
        with suppress(OSError):
            if _TOKEN.fullmatch(folder.name) and now - folder.stat().st_mtime > KEPT_FOR:
                shutil.rmtree(folder, ignore_errors=True)


def incoming_folder() -> Path:
    """The folder of the home into which files for an import can be put."""
    return home() / "incoming"


def source_folders() -> list[Path]:
    """Folders whose files the page may import: incoming/ of the home and those that MOLLENS_DATA names."""
    named = [part for part in os.environ.get("MOLLENS_DATA", "").split(os.pathsep) if part.strip()]
    return [incoming_folder(), *(Path(part).expanduser().absolute() for part in named)]


def resolve_inside(text: str) -> Path:
    """The file or folder that `text` names, if it lies inside one of the folders that the page may read.

    A relative path is looked up in each of them. Symbolic links are followed first, so that none leads outside.

    Raises:
        MollensError: if it lies outside or is not there; both are told alike, so that the page cannot be used to find
            out what else this machine holds.
    """
    text = text.strip()
    folders = source_folders()
    refused = MollensError(
        f"{text!r}: not found in {' or '.join(str(f) for f in folders)}; put the file there, or name its folder in "
        "MOLLENS_DATA when the app is started"
    )
    if not text or "\0" in text:
        raise refused
    for folder in folders:
        try:
            inside = folder.resolve(strict=True)
            path = (folder / text).resolve(strict=True)
        except (OSError, RuntimeError):
            continue
        if path != inside and path.is_relative_to(inside):
            return path
    raise refused


@dataclass(frozen=True)
class Source:
    """A file that the page can import."""

    path: Path
    """with symbolic links followed; `resolve_inside` reads it"""
    size: int
    """bytes"""
    format: str
    """key of the importer that recognises it"""


def list_sources() -> list[Source]:
    """Files in the configured folders that an importer recognises, at most MOST_LISTED, in the order of their paths."""
    from core.data.importers import detect_format

    found: dict[Path, Source] = {}
    for path in _files():
        if len(found) >= MOST_LISTED:
            break
        try:
            real = resolve_inside(str(path))
            if real not in found:
                found[real] = Source(real, real.stat().st_size, detect_format(real))
        except (MollensError, OSError):
            continue
    return list(found.values())


def _files() -> Iterator[Path]:
    """Files of the configured folders, three levels deep, hidden ones left out, a bounded number."""
    seen = 0
    for root in source_folders():
        if not root.is_dir():
            continue
        for folder, folders, names in os.walk(root):
            depth = len(Path(folder).relative_to(root).parts)
            folders[:] = sorted(f for f in folders if not f.startswith(".")) if depth < 3 else []
            for name in sorted(names):
                seen += 1
                if seen > MOST_LOOKED_AT:
                    return
                if not name.startswith("."):
                    yield Path(folder) / name
