"""Importers: one file per format, each turning a source into molecules and a card.

An importer module has `accepts(path) -> bool` (cheap, by content; `path` may be a folder), `inspect(path)` and
`read(path, columns, progress) -> (Molecules, Card)`. One with free columns has `sample(path, n) -> Raw` too; its
inspect is `raw.inspection(sample(...))`, its read ends in `raw.to_molecules`, or in `MappingNeeded` without `columns`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.data.card import Card
from core.data.importers import ase_db, extxyz, jarvis, npz, qm9
from core.data.importers.columns import About, ColumnMap, Inspection, Mapped, MappingNeeded, SourceColumn
from core.data.importers.exclusion import leave_out, note_flagged, read_excluded_ids
from core.data.importers.provenance import hash_source, with_about
from core.data.importers.raw import Raw, to_molecules
from core.data.molecules import Molecules
from core.data.plausibility import warnings
from core.data.store import Dataset, check_free, save_dataset
from core.errors import MollensError

__all__ = [
    "IMPORTERS", "About", "ColumnMap", "Importer", "Inspection", "Mapped", "MappingNeeded", "SourceColumn",
    "check_mapping", "detect_format", "import_file", "inspect",
]  # fmt: skip

Progress = Callable[[int, int], None]
"""called with bytes of the source that are read, and all its bytes; what it raises ends the import"""

_SAMPLE = 4000


@dataclass(frozen=True)
class Importer:
    """One format: how it is recognised, looked into and read."""

    key: str
    title: str
    accepts: Callable[[Path], bool]
    """whether a file or folder is of this format, by its content"""
    inspect: Callable[[Path], Inspection]
    read: Callable[[Path, ColumnMap | None, Progress], tuple[Molecules, Card]]
    """all of it; MappingNeeded where the file does not say what its columns are and nobody else does"""
    sample: Callable[[Path, int], Raw] | None = None
    """up to so many molecules; of formats with free columns only"""


IMPORTERS: dict[str, Importer] = {
    importer.key: importer
    for importer in (
        Importer("qm9", "official QM9 archive or folder (dsgdb9nsd_*.xyz)", qm9.accepts, qm9.inspect, qm9.read),
        Importer("ase_db", ase_db.TITLE, ase_db.accepts, ase_db.inspect, ase_db.read, ase_db.sample),
        Importer("npz", npz.TITLE, npz.accepts, npz.inspect, npz.read, npz.sample),
        Importer("ase_db", ase_db.TITLE, ase_db.accepts, ase_db.inspect, ase_db.read, ase_db.sample),
        Importer("jarvis", jarvis.TITLE, jarvis.accepts, jarvis.inspect, jarvis.read, jarvis.sample),
        Importer("extxyz", extxyz.TITLE, extxyz.accepts, extxyz.inspect, extxyz.read, extxyz.sample),
    )
}


def detect_format(source: Path) -> str:
    """Key of the importer that recognises `source`, a file or a folder.

    Raises:
        MollensError: if it does not exist, is empty, may not be read, or no importer recognises it.
    """
    try:
        if not source.exists():
            raise MollensError(f"{source}: not found; give the path of the file to import")
        if source.is_dir() and not any(source.iterdir()):
            raise MollensError(f"{source}: is an empty folder; expected xyz files in it")
        if source.is_file() and source.stat().st_size == 0:
            raise MollensError(f"{source}: is empty (0 bytes); download it again")
        if not source.is_dir() and not source.is_file():
            raise MollensError(f"{source}: is neither a file nor a folder; give one to import")
        for importer in IMPORTERS.values():
            if importer.accepts(source):
                return importer.key
    except OSError as error:
        raise MollensError(f"{source}: cannot be read ({error.strerror or error}); check its permissions") from error
    known = "; ".join(importer.title for importer in IMPORTERS.values())
    raise MollensError(f"{source}: format not recognised; expected one of: {known}")


def _importer(source: Path, format: str | None) -> Importer:
    if format is not None and format not in IMPORTERS:
        raise MollensError(f"format {format!r} is not known; known are {', '.join(IMPORTERS)}")
    if format is None:
        return IMPORTERS[detect_format(source)]
    if not source.exists() or (source.is_file() and source.stat().st_size == 0):
        detect_format(source)  # which tells what is wrong
    return IMPORTERS[format]


def inspect(source: Path, format: str | None = None) -> Inspection:
    """What a file holds: format, count, columns, and guesses at what they are.

    Raises:
        MollensError: for a file that cannot be read as what it is.
    """
    return _importer(source, format).inspect(source)


def check_mapping(source: Path, columns: ColumnMap, format: str | None = None) -> tuple[str, ...]:
    """What looks wrong if the columns of a file are taken so, a sentence each; from a sample of its molecules.

    Raises:
        MollensError: for a mapping that an import would refuse, or a file that cannot be read as what it is.
    """
    importer = _importer(source, format)
    if importer.sample is None:
        return ()
    molecules, card = to_molecules(importer.sample(source, _SAMPLE), columns, source, importer.key)
    return _warnings(molecules, card, columns)


def _warnings(molecules: Molecules, card: Card, columns: ColumnMap | None) -> tuple[str, ...]:
    units = {mapped.key: mapped.unit for mapped in columns.columns if mapped.unit} if columns else {}
    return warnings(molecules, [listed.as_property() for listed in card.properties], units)


def import_file(
    source: Path,
    name: str,
    format: str | None = None,
    exclude: Path | None = None,
    progress: Progress | None = None,
    *,
    columns: ColumnMap | None = None,
    flag: Path | None = None,
    about: About | None = None,
) -> Dataset:
    """Make the dataset `name` of a file or folder; it appears whole or not at all.

    Args:
        exclude: a list of ids to leave out, like QM9's uncharacterized.txt.
        columns: which column is which property, for formats whose files do not say so.
        flag: a list of ids to keep but mark as uncharacterized; those that occur are stored as uncharacterized.npy.
        about: what the card says; fields left empty stay as the importer has them.

    Raises:
        MappingNeeded: for a file with free columns, without `columns`.
        MollensError: for a name that is not allowed or taken, a file that is not what its format says, or a full disk.
    """
    check_free(name)
    importer = _importer(source, format)
    excluded = read_excluded_ids(exclude) if exclude is not None else None
    flagged = read_excluded_ids(flag) if flag is not None else None
    try:
        molecules, card = importer.read(source, columns, progress or (lambda done, total: None))
        provenance = hash_source(source)
    except OSError as error:
        raise MollensError(f"{source}: cannot be read ({error.strerror or error}); check its permissions") from error
    defects, beside = dict(card.known_defects), {}
    if excluded is not None and exclude is not None:
        molecules, defects["left_out"] = leave_out(molecules, excluded, exclude, source)
    if flagged is not None and flag is not None:
        beside["uncharacterized"], defects["uncharacterized"] = note_flagged(molecules, flagged, flag)
    found = _warnings(molecules, card, columns)
    if found:
        defects["warnings"] = list(found)
    changes = {"name": name, "known_defects": defects, "source": card.source | provenance}
    card = with_about(card.model_copy(update=changes), about, molecules)
    return save_dataset(molecules, card, beside)
