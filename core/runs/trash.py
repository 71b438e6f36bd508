"""Runs in the trash: listed, brought back, and removed for good when somebody says so."""

from __future__ import annotations

import errno
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.errors import MollensError
from core.files import home, new_folder, plain_disk_errors, read_json
from core.runs.folder import Run, checked, runs_folder

_GRAVE = re.compile(r"(?P<when>\d{8}T\d{6})-[0-9a-f]{4}-(?P<run>[A-Za-z0-9][A-Za-z0-9._-]{0,120})")


@dataclass(frozen=True)
class Trashed:
    """A run in the trash."""

    id: str
    """name of its folder there; what `restore_run` takes"""
    run_id: str
    name: str
    deleted: datetime
    path: Path

    @property
    def size(self) -> int:
        """Bytes that its files take."""
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())


def list_trash() -> list[Trashed]:
    """Deleted runs, the last deleted first."""
    root = home() / "trash"
    found = [_trashed(path) for path in root.iterdir()] if root.is_dir() else []
    return sorted((one for one in found if one is not None), key=lambda one: (one.deleted, one.id), reverse=True)


def _trashed(path: Path) -> Trashed | None:
    """What lies there, or None where it is no run: deleted datasets lie in the same folder."""
    match = _GRAVE.fullmatch(path.name)
    if match is None or not path.is_dir() or not any((path / f"{n}.json").exists() for n in ("recipe", "status")):
        return None
    try:
        deleted = datetime.strptime(match["when"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    try:
        name = str(read_json(path / "about.json", f"trash {path.name}").get("name") or match["run"])
    except MollensError:
        name = match["run"]  # a damaged run can be deleted and brought back, too
    return Trashed(path.name, match["run"], name, deleted, path)


def find_trashed(wanted: str) -> Trashed:
    """The deleted run with this id, id of the run, or name.

    Raises:
        MollensError: if there is none, or several.
    """
    listed = list_trash()
    found = [one for one in listed if one.id == wanted]
    found = found or [one for one in listed if one.run_id == wanted] or [one for one in listed if one.name == wanted]
    if not found:
        raise MollensError(f"trash {wanted!r}: no such run; `python -m core trash` lists what is there")
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        raise MollensError(f"trash {wanted!r}: {len(found)} deleted runs are called so; use one of {ids}")
    return found[0]


def restore_run(trashed_id: str) -> Run:
    """Bring a deleted run back to where it lay.

    Raises:
        MollensError: if it is not in the trash, or a run of its id is there again.
    """
    trashed = find_trashed(trashed_id)
    target = runs_folder() / trashed.run_id
    taken = f"run {trashed.run_id}: is there again; rename or delete it before the one in the trash is restored"
    if target.exists():
        raise MollensError(taken)
    with plain_disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            trashed.path.rename(target)  # refuses a folder with content, so that of two the first wins
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise MollensError(taken) from error
            if error.errno == errno.ENOENT:
                raise MollensError(f"trash {trashed.id}: somebody else has just restored or removed it") from error
            if error.errno != errno.EXDEV:
                raise
            with new_folder(target) as draft:  # runs/ lies on another disk than trash/
                shutil.copytree(trashed.path, draft, dirs_exist_ok=True)
            shutil.rmtree(trashed.path, ignore_errors=True)
    return checked(Run(target))


def empty_trash(older_than_days: float = 0.0) -> list[Trashed]:
    """Remove for good the runs that were deleted more than so many days ago, and say which they were.

    Raises:
        MollensError: for a negative count of days, or a folder that may not be removed.
    """
    if older_than_days < 0:
        raise MollensError(f"trash: older than {older_than_days:g} days; give 0 or more")
    border = datetime.now(UTC) - timedelta(days=older_than_days)
    removed = [one for one in list_trash() if one.deleted <= border]
    for one in removed:
        with plain_disk_errors(one.path):
            shutil.rmtree(one.path)
    return removed
