"""Exporters: one file per format, each writing a dataset or some of its molecules; units are those inside Mollens.

A file appears whole or not at all. Energies are in eV, lengths in Angstrom. What a format cannot hold is left out and
told by `left_out`.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.data.exporters import ase_db, csv, extxyz, npz
from core.data.exporters.chosen import Chosen, Progress, Rows, choose
from core.data.store import Dataset
from core.errors import MollensError
from core.files import home, plain_disk_errors

__all__ = ["EXPORTERS", "Exporter", "export", "export_for_download", "format_of", "left_out"]

KEPT_FOR = 24 * 3600
"""seconds after which a file made for a download may be removed"""
KEPT_BYTES = 4 << 30
"""bytes that such files may have together; the oldest go first"""
_LAYOUT = 1  # raised when a format is written in another way, so that no old file is offered for a new one


@dataclass(frozen=True)
class Exporter:
    """One format: what it is called and how it is written."""

    key: str
    title: str
    suffixes: tuple[str, ...]
    """endings of files of this format, the usual one first"""
    description: str
    """what it holds and for whom, in a sentence"""
    write: Callable[[Chosen, Path, Progress], None]
    """writes a new file; told the path that it will have, for its ending"""
    left_out: Callable[[Chosen], tuple[str, ...]]
    """sentences on what the format does not hold of these molecules"""


EXPORTERS: dict[str, Exporter] = {
    e.key: e
    for e in (
        Exporter(
            "extxyz",
            "Extended xyz",
            (".extxyz", ".extxyz.gz", ".extxyz.xz", ".xyz", ".xyz.gz", ".xyz.xz"),
            "Everything, as text; read by ASE, OVITO and most programs of the field.",
            extxyz.write,
            extxyz.left_out,
        ),
        Exporter(
            "csv", "CSV table", (".csv",), "Properties of molecules as a table, without geometries.", csv.write,
            csv.left_out,
        ),
        Exporter(
            "npz", "NumPy arrays", (".npz",), "Everything, as flat arrays; the fastest to read.", npz.write,
            npz.left_out,
        ),
        Exporter(
            "db", "ASE database", (".db",), "For ASE and for SchNetPack's AtomsDataModule.", ase_db.write,
            ase_db.left_out,
        ),
    )
}  # fmt: skip


def format_of(path: Path, format: str | None = None) -> Exporter:
    """The exporter named `format`, or the one that the ending of `path` asks for.

    Raises:
        MollensError: for an unknown format or ending.
    """
    if format is not None:
        if format not in EXPORTERS:
            raise MollensError(f"format {format!r} is not known; known are {', '.join(EXPORTERS)}")
        return EXPORTERS[format]
    for exporter in EXPORTERS.values():
        if path.name.lower().endswith(exporter.suffixes):
            return exporter
    endings = ", ".join(suffix for exporter in EXPORTERS.values() for suffix in exporter.suffixes)
    raise MollensError(f"{path}: its ending names no format; expected one of {endings}, or give the format")


def left_out(dataset: Dataset, rows: Rows, format: str, properties: Sequence[str] | None = None) -> tuple[str, ...]:
    """Sentences on what an export in `format` would not hold; none where it holds all."""
    return format_of(Path(), format).left_out(choose(dataset, rows, properties))


def export(
    dataset: Dataset,
    rows: Rows,
    path: Path,
    format: str | None = None,
    *,
    properties: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the molecules at `rows` (n,) to `path`, which is replaced in one step, and give it back.

    Args:
        format: key of EXPORTERS; by default the one that the ending of `path` names.
        properties: keys to write; by default all.
        progress: told how many molecules are written, and of how many; what it raises ends the export.

    Raises:
        MollensError: for no molecules, an unknown format or property, a folder that is not there, or a full disk.
    """
    exporter = format_of(path, format)
    chosen = choose(dataset, rows, properties)
    if not path.parent.is_dir():
        raise MollensError(f"{path}: its folder is not there; make it first or choose another")
    if path.is_dir():
        raise MollensError(f"{path}: is a folder; give the name of the file to write")
    with _draft(path) as draft:
        exporter.write(chosen, draft, progress or (lambda done, total: None))
    return path


def export_for_download(
    dataset: Dataset,
    rows: Rows,
    format: str,
    *,
    properties: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Path:
    """A file of the molecules at `rows` (n,) in the home's exports/, to be offered for download.

    The same request within a day gets the same file. Older ones are removed, and the oldest beyond `KEPT_BYTES`.

    Args:
        format: key of EXPORTERS, or an ending of a format without its dot, such as "extxyz.gz".

    Raises:
        MollensError: as `export`.
    """
    suffix = EXPORTERS[format].suffixes[0] if format in EXPORTERS else f".{format}"
    exporter = format_of(Path(f"x{suffix}"))
    digest = hashlib.sha256(f"{_LAYOUT} {dataset.name} {dataset.card.sha256} {suffix} {properties}".encode())
    digest.update(np.ascontiguousarray(rows, dtype=np.int64).data)
    folder = home() / "exports"
    path = folder / f"{dataset.name}-{digest.hexdigest()[:12]}{suffix}"
    with plain_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _tidy(folder, keep=path)
    if path.exists():
        with suppress(OSError):
            os.utime(path)
        return path
    return export(dataset, rows, path, exporter.key, properties=properties, progress=progress)


def _tidy(folder: Path, keep: Path) -> None:
    """Remove files of downloads that are old or too many; unfinished ones only when they are old."""
    now, total = time.time(), 0
    found = []
    for path in folder.iterdir():
        with suppress(OSError):
            stat = path.lstat()
            found.append((stat.st_mtime, stat.st_size, path))
    for changed, size, path in sorted(found, reverse=True):
        total += size
        unfinished = path.name.startswith(".")
        if path != keep and (now - changed > KEPT_FOR or (total > KEPT_BYTES and not unfinished)):
            with suppress(OSError):
                path.unlink()


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """A path beside `path`, with its ending; what is written there becomes `path` if the block ends well."""
    ending = "".join(path.suffixes[-2:])[-12:]
    draft = path.with_name(f".{secrets.token_hex(6)}.part{ending}")
    with plain_disk_errors(path):
        try:
            yield draft
            with open(draft, "rb+") as file:
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            for leftover in (draft, draft.with_name(f"{draft.name}-journal")):
                leftover.unlink(missing_ok=True)
