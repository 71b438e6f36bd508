"""Files that are never half written: atomic replacement, folders that appear whole, locks and a trash."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from core.errors import MollensError

CHECKOUT = Path(__file__).resolve().parent.parent
FORMAT = 1  # of every JSON that Mollens writes
ABANDONED_AFTER = 24 * 3600  # seconds


def home() -> Path:
    """Folder that holds data/ and runs/: `MOLLENS_HOME`, or .mollens in the checkout."""
    return Path(os.environ.get("MOLLENS_HOME") or CHECKOUT / ".mollens").expanduser().absolute()


def utc_now() -> str:
    """The present moment as UTC, ISO-8601 with milliseconds and Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextmanager
def plain_disk_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or a missing permission into a sentence that names `path`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise MollensError(
                f"{path}: no space left on the disk; nothing was changed; free some space and try again"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise MollensError(
                f"{path}: may not be written; give write permission or set MOLLENS_HOME to another folder"
            ) from error
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` with `content` in one step: readers see the old file or the new one, never a part."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with plain_disk_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(draft, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write a npy file that can be mapped, into a draft folder.

    Not `np.save`: on a full disk that raises an error without the number that tells a full disk from other faults.
    """
    array = np.ascontiguousarray(array)
    with plain_disk_errors(path), open(path, "wb") as file:
        npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(array))
        file.write(array.data.cast("B") if array.size else b"")


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object atomically, marked with the format it is written in."""
    text = json.dumps({"format": FORMAT, **content}, indent=1, ensure_ascii=False, allow_nan=False)
    write_bytes(path, text.encode() + b"\n")


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Read a JSON object that `write_json` wrote.

    Raises:
        MollensError: if the file is missing, is no JSON object, or comes from a newer Mollens; `what` begins the
            sentence.
    """
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, IsADirectoryError) as error:
        raise MollensError(
            f"{what}: {path.name} is missing in {path.parent}; restore it or delete the folder"
        ) from error
    except (ValueError, UnicodeDecodeError) as error:
        raise MollensError(f"{what}: {path} is damaged ({error}); restore it or delete the folder") from error
    if not isinstance(content, dict):
        raise MollensError(f"{what}: {path} holds {type(content).__name__}; expected a JSON object")
    found = content.get("format", FORMAT)
    if not isinstance(found, int) or found > FORMAT:
        raise MollensError(
            f"{what}: {path} has format {found!r}; this Mollens reads up to {FORMAT}; update Mollens to open it"
        )
    return content


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A draft folder that becomes `path` if the block ends well and is removed if it raises.

    Raises:
        MollensError: if `path` already exists, before or after the block, or the disk is full.
    """
    taken = f"{path.name}: already exists in {path.parent}; choose another name or delete it first"
    if path.exists():
        raise MollensError(taken)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with plain_disk_errors(path):
        _remove_abandoned(path.parent)
        draft.mkdir(parents=True)
        try:
            yield draft
            try:
                draft.rename(path)  # refuses a folder with content, so that the first of two writers wins
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    raise MollensError(taken) from error
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _remove_abandoned(folder: Path) -> None:
    """Remove drafts that a killed process left more than a day ago."""
    for draft in folder.glob(".*.part"):
        with suppress(OSError):
            if time.time() - draft.stat().st_mtime > ABANDONED_AFTER:
                shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def lock(path: Path, timeout: float | None = None, poll: float = 0.05) -> Iterator[None]:
    """Hold an exclusive lock on `path`; it is freed when the process ends, however it ends.

    Args:
        timeout: seconds to wait; None waits for ever.

    Raises:
        MollensError: if another process still holds it after `timeout`.
    """
    with plain_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = open(path, "a")
    deadline = None if timeout is None else time.monotonic() + timeout
    with handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if deadline is not None and time.monotonic() >= deadline:
                    raise MollensError(
                        f"{path}: locked by another process for {timeout:g} s; wait for it to end"
                    ) from None
                time.sleep(poll)
        yield


def move_to_trash(path: Path) -> Path:
    """Move a file or folder of the home into its trash/ and return where it lies now."""
    grave = home() / "trash" / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}-{path.name}"
    with plain_disk_errors(path):
        grave.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, grave)
    return grave
