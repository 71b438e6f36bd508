"""Download of QM9: the official archive and its list of uncharacterized molecules, checked, then imported."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from core.data.fetching import Remote, digests, fetch
from core.data.store import Dataset, check_free, dataset_folder, open_dataset
from core.errors import MollensError
from core.files import home, lock, write_json

if TYPE_CHECKING:
    from core.data.card import Card

FIGSHARE = "https://ndownloader.figshare.com/files/"
SPACE_FOR_DATASET = 300 << 20  # bytes; QM9 as flat arrays has about 110 MB, and its draft lies beside nothing else
USE_A_FILE = (
    "if this network refuses, get the file elsewhere and use it: page Add data, Upload a file, or "
    "`python -m core import FILE --name NAME`"
)

# Sizes and MD5 as figshare's interface lists them for articles 1057646, 1057643 and 1057644 (computed_md5). That of the
# archive also stands in PaddleMaterials' QM9 dataset; those of the two texts were recomputed from copies that other
# repositories keep.
QM9_FILES: dict[str, Remote] = {
    "archive": Remote("3195389", "dsgdb9nsd.xyz.tar.bz2", 86_144_227, "ad1ebd51ee7f5b3a6e32e974e5d54012", "archive"),
    "atomref": Remote("3195395", "atomref.txt", 964, "2d30b2df8329d8fd805c0a4d158a0a0f", "text"),
    "uncharacterized": Remote("3195404", "uncharacterized.txt", 486_752, "a361887bacb427b8a0ce7903d92a53b4", "text"),
}


class Progress(Protocol):
    """Bytes that are there, all bytes, and words; may raise to end the work."""

    def __call__(self, done: int, total: int, text: str = "") -> None:
        """`done` of `total`."""


@dataclass(frozen=True)
class Downloaded:
    """The files of QM9 on this disk."""

    archive: Path
    atomref: Path
    uncharacterized: Path
    sources: dict[str, dict[str, Any]]
    """file name -> address, bytes, md5, sha256"""


def downloads_folder() -> Path:
    """Where the files of QM9 are kept, so that a second import needs no network."""
    return home() / "downloads" / "qm9"


def base_address() -> str:
    """Where the files are fetched from: figshare, or the mirror that MOLLENS_FIGSHARE names."""
    base = os.environ.get("MOLLENS_FIGSHARE") or FIGSHARE
    return base if base.endswith("/") else base + "/"


def download_files(progress: Progress | None = None) -> Downloaded:
    """Fetch what is not there yet; a broken download goes on where it stopped.

    Raises:
        MollensError: if the network refuses, the files are not those that figshare lists, or the disk is full; it says
            what to do instead.
    """
    progress = progress or (lambda done, total, text="": None)
    folder = downloads_folder()
    with _alone(folder):
        _check_space(folder)
        total = sum(file.size for file in QM9_FILES.values())
        paths, sources, before = {}, {}, 0
        # the small ones first: what a network refuses it refuses at once
        for key, file in sorted(QM9_FILES.items(), key=lambda item: item[1].size):

            def told(done: int, text: str, before: int = before) -> None:
                progress(before + done, total, text)

            address = base_address() + file.number
            try:
                paths[key] = fetch(file, address, folder, told)
            except MollensError as error:
                raise MollensError(f"{error}; {USE_A_FILE}") from error
            sources[file.name] = {"url": address, **digests(paths[key])}
            before += file.size
    return Downloaded(paths["archive"], paths["atomref"], paths["uncharacterized"], sources)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder: two downloads would write into one file."""
    with ExitStack() as held:
        try:
            held.enter_context(lock(folder / ".lock", timeout=0))
        except MollensError as error:
            if error.__cause__ is not None:  # a fault of the disk, not another holder
                raise
            raise MollensError("QM9: another download of QM9 is at work; wait for it or stop it") from None
        yield


def download_qm9(name: str = "qm9", exclude_uncharacterized: bool = False, progress: Progress | None = None) -> Dataset:
    """Download QM9 and make the dataset `name` of it; it appears whole or not at all.

    The molecules that failed the consistency check of its authors are marked, or left out.

    Raises:
        MollensError: for a name that is taken, a network that refuses, wrong bytes or a full disk.
    """
    from core.data.importers import import_file

    check_free(name)
    progress = progress or (lambda done, total, text="": None)
    files = download_files(progress)
    listed = files.uncharacterized
    import_file(
        files.archive,
        name,
        "qm9",
        listed if exclude_uncharacterized else None,
        lambda done, total: progress(done, total, "reading the archive"),
        flag=None if exclude_uncharacterized else listed,
    )
    note_source(name, {"files": files.sources})
    return open_dataset(name)


def note_source(name: str, facts: dict[str, Any]) -> Card:
    """Add where a dataset came from to its card."""
    card = open_dataset(name).card
    noted = card.model_copy(update={"source": {**card.source, **facts}})
    write_json(dataset_folder(name) / "card.json", noted.model_dump())
    return noted


def missing_bytes() -> int:
    """Bytes of QM9's files that are not on this disk yet; 0 when a download would need no network."""
    folder, missing = downloads_folder(), 0
    for file in QM9_FILES.values():
        for path in (folder / file.name, folder / f"{file.name}.part"):
            if path.is_file():
                missing += max(file.size - path.stat().st_size, 0)
                break
        else:
            missing += file.size
    return missing


def _check_space(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    needed, free = missing_bytes() + SPACE_FOR_DATASET, shutil.disk_usage(folder).free
    if free < needed:
        raise MollensError(
            f"{folder}: {free / 1e6:,.0f} MB are free; QM9 needs {needed / 1e6:,.0f} MB; "
            "free some space or set MOLLENS_HOME to another disk"
        )
