"""Search by structure: molecules with a substructure, and the nearest by fingerprint.

Both rest on an index that is made once for a dataset, beside it. Until it is there, substructures are searched the slow
way, with the same answer.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.data.store import Dataset
from core.errors import MollensError
from core.files import lock, move_to_trash, new_folder, read_json, write_array, write_json

if TYPE_CHECKING:  # RDKit takes half a second to load and is needed by a search only
    from core.chem.matching import Matcher

SECONDS = 10.0
"""that one search with the index may take"""
SECONDS_WITHOUT = 120.0
KEPT = 32
"""results of searches that are kept"""

Rows = NDArray[np.int64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Coverage:
    """How many molecules can be found by their structure."""

    n_molecules: int
    n_empty: int
    """without a SMILES"""
    n_unreadable: int
    """with a SMILES that cannot be read; known when the index is made, 0 before"""

    def __str__(self) -> str:
        """A sentence of what cannot be found, empty if all can be."""
        parts = []
        if self.n_empty:
            parts.append(f"{self.n_empty:,} of {self.n_molecules:,} molecules have no SMILES")
        if self.n_unreadable:
            parts.append(f"{self.n_unreadable:,} of {self.n_molecules:,} have one that cannot be read")
        return "; ".join(parts)


@dataclass(frozen=True, eq=False)
class _Index:
    matcher: Matcher
    which: NDArray[np.int32]
    """(n_molecules,) graph of each molecule, -1 where it has no SMILES"""
    n_unreadable: int


def understood_as(query: str) -> str:
    """How a substructure is understood: "SMILES" or "SMARTS".

    Raises:
        MollensError: if it is neither.
    """
    from core.chem.smiles import read_query

    return read_query(query).kind


def substructure_rows(dataset: Dataset, query: str, progress: Progress | None = None) -> Rows:
    """(n,) rows of the molecules that have the substructure `query` (SMILES or SMARTS), ascending.

    The answer is RDKit's for the SMILES of each molecule: hydrogens are implicit, stereo is not looked at. A molecule
    without a readable SMILES has no substructure. Results are kept for the next time.

    Raises:
        MollensError: for a query that cannot be read or takes too long, or a dataset without SMILES.
    """
    from core.chem.smiles import read_query

    asked = read_query(query)
    if coverage(dataset).n_empty == dataset.molecules.n_molecules:
        raise MollensError(f"dataset {dataset.name}: has no SMILES, so substructures cannot be searched")
    kept = _KEPT.get(dataset, asked.text)
    if kept is not None:
        return kept
    index = _opened(dataset)
    if index is not None and not asked.directed:
        found = index.matcher.matches(asked, SECONDS, progress)
        inside = (index.which >= 0) & found[index.which]
    else:
        from core.chem.plain import plain_matches

        texts, which = _distinct(dataset)
        inside = plain_matches(texts, asked, SECONDS_WITHOUT, progress)[which]
    rows = np.flatnonzero(inside)
    rows.setflags(write=False)
    _KEPT.put(dataset, asked.text, rows)
    return rows


def nearest_rows(dataset: Dataset, row: int, n: int, among: Rows | None = None) -> tuple[Rows, NDArray[np.float64]]:
    """Rows and similarities (n,) of the molecules most like the one at `row`, which is left out; the best first.

    Tanimoto similarity of Morgan fingerprints, radius 2, 2048 bits. Molecules without a readable SMILES are left out.
    `among` are the rows to choose from; all if None.

    Raises:
        MollensError: if the index is not made yet, or the molecule has no readable SMILES.
    """
    from core.chem.graphs import similarities

    index = _opened(dataset)
    if index is None:
        raise MollensError(f"dataset {dataset.name}: its index is not made yet; run `index {dataset.name}`")
    graphs, graph = index.matcher.graphs, int(index.which[row])
    if graph < 0 or not graphs.readable[graph]:
        raise MollensError(f"molecule {dataset.molecules.ids[row]}: has no SMILES that can be read")
    alike = similarities(graphs.fingerprints, graphs.fingerprints[graph])
    alike = np.where(graphs.readable, alike, -1.0)
    values = np.where(index.which >= 0, alike[index.which], -1.0)
    if among is not None:
        values = np.where(np.isin(np.arange(len(values)), among), values, -1.0)
    values[row] = -1.0
    n = min(n, int(np.count_nonzero(values >= 0)))
    least = np.partition(values, len(values) - n)[len(values) - n] if n else 2.0
    candidates = np.flatnonzero(values >= least)
    best = candidates[np.argsort(-values[candidates], kind="stable")][:n]
    return best, values[best]


def coverage(dataset: Dataset) -> Coverage:
    """How many molecules have a SMILES, and one that can be read."""
    index = _opened(dataset)
    return Coverage(dataset.molecules.n_molecules, _n_empty(dataset), index.n_unreadable if index else 0)


@lru_cache(maxsize=32)
def _n_empty(dataset: Dataset) -> int:
    assert dataset.molecules.smiles is not None
    return int(np.count_nonzero(np.char.str_len(dataset.molecules.smiles) == 0))


def index_ready(dataset: Dataset) -> bool:
    """Whether the index is made, for these molecules and this release of RDKit."""
    return _stamp(dataset) is not None


def make_index(dataset: Dataset, progress: Progress | None = None) -> None:
    """Make the index of a dataset, where it is not there; it appears whole or not at all.

    Raises:
        MollensError: for a dataset without SMILES, or a full disk.
    """
    from core.chem.graphs import ARRAYS, make_graphs

    folder = _folder(dataset)
    if _n_empty(dataset) == dataset.molecules.n_molecules:
        raise MollensError(f"dataset {dataset.name}: has no SMILES, so it cannot be searched by structure")
    with lock(folder.with_name(f".{folder.name}.lock")):
        if index_ready(dataset):
            return
        texts, which = _distinct(dataset)
        graphs = make_graphs(texts, progress)
        places = which.astype(np.int32)
        places[np.array([not text for text in texts])[which]] = -1
        if folder.exists():
            move_to_trash(folder)  # of other molecules or another release of RDKit
        with new_folder(folder) as draft:
            for key in ARRAYS:
                write_array(draft / f"{key}.npy", getattr(graphs, key))
            write_array(draft / "which.npy", places)
            unreadable = np.count_nonzero((places >= 0) & ~graphs.readable[which])
            sizes = {path.name: path.stat().st_size for path in draft.iterdir()}
            write_json(draft / "index.json", {**_identity(dataset), "n_unreadable": int(unreadable), "sizes": sizes})


def _distinct(dataset: Dataset) -> tuple[list[str], NDArray[np.int64]]:
    """Every SMILES once, and which of them each molecule has."""
    assert dataset.molecules.smiles is not None
    texts, which = np.unique(dataset.molecules.smiles, return_inverse=True)
    return [text.decode(errors="replace") for text in texts], which.ravel()


def _folder(dataset: Dataset) -> Path:
    # an embedded dataset may come in another version some day; its older index then stays with the older data
    return dataset.folder / (f"search-{dataset.card.sha256[:12]}" if dataset.embedded else "search")


@lru_cache(maxsize=32)
def _identity(dataset: Dataset) -> dict[str, str]:
    """What an index must have been made from: these SMILES, by this release of RDKit."""
    from core.chem.graphs import versions

    assert dataset.molecules.smiles is not None
    digest = hashlib.blake2b(dataset.molecules.smiles.tobytes(), digest_size=16).hexdigest()
    return {"smiles": digest, "versions": versions()}


def _stamp(dataset: Dataset) -> tuple[int, int] | None:
    """Time and inode of the index that fits this dataset; None if there is none that is whole."""
    folder = _folder(dataset)
    path = folder / "index.json"
    try:
        status = path.stat()
        content = read_json(path, f"index of dataset {dataset.name}")
        whole = all((folder / name).stat().st_size == size for name, size in content["sizes"].items())
    except (OSError, MollensError, KeyError, AttributeError):
        return None
    fits = all(content.get(key) == value for key, value in _identity(dataset).items())
    return (status.st_mtime_ns, status.st_ino) if whole and fits else None


def _opened(dataset: Dataset) -> _Index | None:
    stamp = _stamp(dataset)
    return None if stamp is None else _open(dataset, stamp)


@lru_cache(maxsize=4)
def _open(dataset: Dataset, stamp: tuple[int, int]) -> _Index:
    """The index, mapped; `stamp` tells one that is made again from the one before."""
    from core.chem.graphs import ARRAYS, Graphs
    from core.chem.matching import Matcher

    folder = _folder(dataset)
    arrays: dict[str, Any] = {
        # as plain arrays over the same map: numpy takes longer with its own class for maps
        key: np.load(folder / f"{key}.npy", mmap_mode="r", allow_pickle=False).view(np.ndarray)
        for key in (*ARRAYS, "which")
    }
    which = arrays.pop("which")
    graphs = Graphs(**arrays)
    first = np.full(graphs.n_graphs, -1, dtype=np.int64)
    first[which[which >= 0][::-1]] = np.flatnonzero(which >= 0)[::-1]
    content = read_json(folder / "index.json", f"index of dataset {dataset.name}")
    matcher = Matcher(graphs, lambda graph: dataset.molecules.smiles_of(int(first[graph])))
    return _Index(matcher, which, int(content["n_unreadable"]))


class _Kept:
    """The latest results, shared by all readers; a dataset never changes."""

    def __init__(self) -> None:
        self._rows: OrderedDict[tuple[Dataset, str], Rows] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, dataset: Dataset, query: str) -> Rows | None:
        with self._lock:
            rows = self._rows.get((dataset, query))
            if rows is not None:
                self._rows.move_to_end((dataset, query))
            return rows

    def put(self, dataset: Dataset, query: str, rows: Rows) -> None:
        with self._lock:
            self._rows[dataset, query] = rows
            while len(self._rows) > KEPT:
                self._rows.popitem(last=False)


_KEPT = _Kept()
