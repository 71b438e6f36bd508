"""Importers: one file per format, each turning a source into molecules and a card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.data.card import Card
from core.data.importers import qm9
from core.data.importers.exclusion import read_excluded_ids
from core.data.molecules import Molecules
from core.data.store import Dataset, check_free, save_dataset
from core.errors import MollensError

Progress = Callable[[int, int], None]
"""called with bytes of the source that are read, and all its bytes"""


@dataclass(frozen=True)
class Importer:
    """One format: how it is recognised and read."""

    key: str
    title: str
    accepts: Callable[[Path], bool]
    read: Callable[[Path, Progress], tuple[Molecules, Card]]


IMPORTERS: dict[str, Importer] = {
    "qm9": Importer("qm9", "official QM9 archive (tar of dsgdb9nsd_*.xyz)", qm9.accepts, qm9.read),
}


def detect_format(source: Path) -> str:
    """Key of the importer that recognises `source`.

    Raises:
        MollensError: if it does not exist, is empty, or no importer does.
    """
    if not source.exists():
        raise MollensError(f"{source}: not found; give the path of the file to import")
    if not source.is_file():
        raise MollensError(f"{source}: is a folder; give the path of one file")
    if source.stat().st_size == 0:
        raise MollensError(f"{source}: is empty (0 bytes); download it again")
    for importer in IMPORTERS.values():
        if importer.accepts(source):
            return importer.key
    raise MollensError(f"{source}: format not recognised; expected {' or '.join(i.title for i in IMPORTERS.values())}")


def import_file(
    source: Path, name: str, format: str | None = None, exclude: Path | None = None, progress: Progress | None = None
) -> Dataset:
    """Make the dataset `name` of a file; it appears whole or not at all.

    Args:
        exclude: a list of ids to leave out, like QM9's uncharacterized.txt.

    Raises:
        MollensError: for a name that is not allowed or taken, a file that is not what its format says, or a full disk.
    """
    check_free(name)
    found = detect_format(source)
    if format is not None and format not in IMPORTERS:
        raise MollensError(f"format {format!r} is not known; known are {', '.join(IMPORTERS)}")
    excluded = read_excluded_ids(exclude) if exclude is not None else None
    molecules, card = IMPORTERS[format or found].read(source, progress or (lambda done, total: None))
    defects = dict(card.known_defects)
    if excluded is not None and exclude is not None:
        keep = ~np.isin(molecules.ids, excluded)
        defects["left_out"] = {"list": exclude.name, "listed": len(excluded), "dropped": int((~keep).sum())}
        if not keep.any():
            raise MollensError(f"{exclude}: lists every molecule of {source.name}; nothing would be left")
        if not keep.all():
            molecules = molecules.take(np.flatnonzero(keep))
    return save_dataset(molecules, card.model_copy(update={"name": name, "known_defects": defects}))
