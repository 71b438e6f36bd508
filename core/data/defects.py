"""Known defects of a dataset: which molecules to look at twice, found once and kept beside it."""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from core.data.identity import open_identities
from core.data.molecules import Molecules
from core.data.pairs import Progress, pair_chunks
from core.data.store import Dataset
from core.errors import MollensError
from core.files import FORMAT, lock, write_bytes

Mask = NDArray[np.bool_]

KINDS = {
    "uncharacterized": "on the list of molecules that failed the consistency check",
    "duplicate": "same atoms and geometry as a molecule before it, mirror images included",
    "close_contact": "two atoms nearer than any bond",
    "missing": "no value of the default target",
}
CLOSEST = 0.6
"""Two atoms nearer than this share of the sum of their covalent radii are too close. The shortest real bonds (triple
bonds of carbon and nitrogen) lie above 0.77; 0.6 leaves room for vibrations, and failed relaxations lie below."""
CONFLICT = 1e-3
"""eV; values of one molecule that differ by more disagree. For other units: this share of the values' spread."""
N_EXAMPLES = 20


@dataclass(frozen=True, eq=False)
class Defects:
    """What the search for defects has found in one dataset."""

    flags: dict[str, Mask]
    """kind of KINDS -> (n_molecules,) whether each molecule has it"""
    counts: dict[str, Any]
    """kind -> n, up to 20 example ids, and what else there is to say of it; as `defects --json` prints it"""

    @cached_property
    def any(self) -> Mask:
        """(n_molecules,) whether a molecule has any defect."""
        return np.logical_or.reduce(list(self.flags.values()))


def find_defects(dataset: Dataset, progress: Progress | None = None) -> Defects:
    """Search a dataset for defects and keep the result beside it; a second search begins anew.

    Raises:
        MollensError: if the dataset has been deleted, its list of uncharacterized molecules is damaged, or the disk is
            full.
    """
    if not dataset.folder.is_dir():
        raise MollensError(f"dataset {dataset.name}: has been deleted; choose another")
    n = dataset.molecules.n_molecules

    def half(done: int, total: int) -> None:
        if progress:
            progress(done, 2 * n)

    def rest(done: int, total: int) -> None:
        half(n + done, total)

    flags, counts = {}, {}
    with lock(dataset.folder / ".defects.lock"):
        flags["uncharacterized"], counts["uncharacterized"] = _uncharacterized(dataset)
        flags["duplicate"], counts["duplicate"] = _duplicates(dataset, open_identities(dataset, half))
        flags["close_contact"], counts["close_contact"] = _close_contacts(dataset.molecules, rest)
        flags["missing"], counts["missing"] = _missing(dataset)
        found = Defects(flags, counts)
        _save(found, dataset)
    half(2 * n, n)
    return found


def read_defects(dataset: Dataset) -> Defects | None:
    """What an earlier search found; None if there was none, it is damaged, or older than the uncharacterized list."""
    try:
        with np.load(_path(dataset), allow_pickle=False) as stored:
            counts = json.loads(stored["about"].tobytes())
            packed = {kind: stored[kind] for kind in KINDS}
    except (OSError, ValueError, EOFError, KeyError, BadZipFile, zlib.error):
        return None
    n = dataset.molecules.n_molecules
    if not isinstance(counts, dict) or counts.get("format") != FORMAT or counts.get("list") != _list_digest(dataset):
        return None
    if any(bits.shape != ((n + 7) // 8,) or bits.dtype != np.uint8 for bits in packed.values()):
        return None
    flags = {kind: np.unpackbits(bits, count=n).astype(bool) for kind, bits in packed.items()}
    if any(counts.get("counts", {}).get(kind, {}).get("n") != int(flag.sum()) for kind, flag in flags.items()):
        return None
    return Defects(flags, counts["counts"])


def _save(found: Defects, dataset: Dataset) -> None:
    about = {"format": FORMAT, "list": _list_digest(dataset), "counts": found.counts}
    text = np.frombuffer(json.dumps(about, allow_nan=False).encode(), dtype=np.uint8)
    stored = io.BytesIO()
    packed = {kind: np.packbits(flag) for kind, flag in found.flags.items()}
    np.savez_compressed(stored, about=text, **packed)  # type: ignore[arg-type]
    write_bytes(_path(dataset), stored.getvalue())


def _path(dataset: Dataset) -> Path:
    # the checksum is in the name, so that defects never outlive the molecules they were found among
    return dataset.folder / f"defects-{dataset.card.sha256[:12]}.npz"


def _list_path(dataset: Dataset) -> Path:
    return dataset.folder / "uncharacterized.npy"


def _list_digest(dataset: Dataset) -> str:
    """Checksum of the list of uncharacterized molecules, empty where there is none."""
    try:
        return hashlib.sha256(_list_path(dataset).read_bytes()).hexdigest()
    except OSError:
        return ""


def _uncharacterized(dataset: Dataset) -> tuple[Mask, dict[str, Any]]:
    path, ids = _list_path(dataset), dataset.molecules.ids
    if not path.exists():
        return np.zeros(len(ids), dtype=bool), {"n": 0, "list": False, "examples": []}
    try:
        listed = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise MollensError(f"dataset {dataset.name}: {path} is damaged ({error}); write the list again") from error
    if listed.ndim != 1 or listed.dtype.kind not in "iu":
        raise MollensError(
            f"dataset {dataset.name}: {path} holds {listed.dtype} of {listed.ndim} dimensions; expected a list of ids"
        )
    flag = np.isin(ids, listed)
    return flag, {"n": int(flag.sum()), "list": True, "listed": len(listed), "examples": _examples(ids, flag)}


def _duplicates(dataset: Dataset, groups: NDArray[np.int64]) -> tuple[Mask, dict[str, Any]]:
    molecules = dataset.molecules
    rows = np.flatnonzero(groups != np.arange(len(groups)))
    flag = np.zeros(len(groups), dtype=bool)
    flag[rows] = True
    counts: dict[str, Any] = {"n": len(rows), "groups": len(np.unique(groups[rows]))}
    rows = rows[np.argsort(molecules.ids[rows])]
    pairs = np.stack([molecules.ids[groups[rows]], molecules.ids[rows]], axis=1)
    counts["examples"] = pairs[:N_EXAMPLES].tolist()
    target = dataset.card.default_target
    if target is not None and target in molecules.columns and molecules.columns[target].ndim == 1:
        values = np.asarray(molecules.columns[target])
        unit = dataset.property(target).unit
        spread = np.nanstd(values) if unit != "eV" and np.isfinite(values).any() else 1.0
        with np.errstate(invalid="ignore"):
            differ = np.abs(values[rows] - values[groups[rows]]) > CONFLICT * spread  # False where a value is missing
        counts |= {
            "target": target,
            "conflicting": int(differ.sum()),
            "conflict_above": CONFLICT * float(spread),
            "unit": unit,
            "conflicting_examples": pairs[differ][:N_EXAMPLES].tolist(),
        }
    return flag, counts


def _close_contacts(molecules: Molecules, progress: Progress | None) -> tuple[Mask, dict[str, Any]]:
    """Molecules whose nearest atoms are below CLOSEST of their covalent radii.

    Radii: B. Cordero et al., Dalton Trans. 2832 (2008).
    """
    from ase.data import covalent_radii

    radii = np.zeros(256)
    radii[: len(covalent_radii)] = covalent_radii
    nearest = np.full(molecules.n_molecules, np.inf)
    for chunk in pair_chunks(molecules, progress=progress):
        r = radii[chunk.numbers]
        share = (chunk.distances / (r[:, chunk.i] + r[:, chunk.j])).min(axis=1)
        np.minimum.at(nearest, chunk.rows, share)
    flag = nearest < CLOSEST
    least = float(nearest.min())
    return flag, {
        "n": int(flag.sum()),
        "below": CLOSEST,
        "nearest": least if np.isfinite(least) else None,
        "examples": _examples(molecules.ids, flag),
    }


def _missing(dataset: Dataset) -> tuple[Mask, dict[str, Any]]:
    molecules, target = dataset.molecules, dataset.card.default_target
    absent = {key: _absent(values) for key, values in molecules.columns.items()}
    flag = absent.get(target or "", np.zeros(molecules.n_molecules, dtype=bool))
    return flag, {
        "n": int(flag.sum()),
        "target": target,
        "by_property": {key: int(mask.sum()) for key, mask in absent.items() if mask.any()},
        "examples": _examples(molecules.ids, flag),
    }


def _absent(values: NDArray[np.float64]) -> Mask:
    """(n_molecules,) where a column of any shape has no finite value."""
    finite = np.isfinite(values)
    return np.asarray(~finite.reshape(len(values), -1).all(axis=1))


def _examples(ids: NDArray[np.int64], flag: Mask) -> list[int]:
    return [int(i) for i in np.sort(ids[flag])[:N_EXAMPLES]]
