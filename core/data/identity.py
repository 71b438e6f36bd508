"""Identity of molecules: the same atoms in the same geometry, whatever the order, place, turn or mirror image.

A molecule is reduced to a few sums over its interatomic distances, weighted by element, which are then rounded. Values
near the edge of a rounding step would fall on either side by chance; so there are several roundings, shifted against
each other, and two molecules are the same if any of them agrees. Each sum spoils at most one rounding while it differs
by less than the shift; with one rounding more than there are sums, one always agrees.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data.molecules import Molecules
from core.data.pairs import Progress, pair_chunks
from core.data.store import Dataset
from core.errors import MollensError
from core.files import lock, plain_disk_errors, write_array

Hashes = NDArray[np.uint64]
Rows = NDArray[np.int64]

N_SUMS = 6
N_ROUNDINGS = N_SUMS + 1
SHIFT = 5e-4
"""What each sum (per atom, about 1 Angstrom per Angstrom) may differ by so that a rounding surely agrees: enough for
coordinates that were rounded to 3 decimals."""
STEP = SHIFT * N_ROUNDINGS
"""Width of a rounding step; molecules that differ by more in any sum never agree."""
TOLERANCE = 0.01
"""Angstrom: largest difference of two distances, sorted by pair of elements, of what `same_pairs` calls the same."""

_FARTHEST = 1e4  # Angstrom; half of it is the largest distance that is compared
_FREQUENCIES = (1.3, 2.3, 3.1, 4.1)  # per Angstrom, of the sums of cosines: none a multiple of another


def identities(molecules: Molecules, progress: Progress | None = None) -> Hashes:
    """(n_molecules, N_ROUNDINGS) hashes of atomic numbers and geometry; the same molecule agrees in a column.

    They depend on nothing but elements and distances, so that they can be compared between datasets. Two different
    molecules agree by chance only if they have the same sum formula and all sums fall into the same step: on 128,744
    molecules of QM9 none do. 64 bits add a collision for one pair in 2^64. Noise of 2e-4 Angstrom in every coordinate
    leaves 16,882 of 16,882 molecules the same, noise of 5e-4 all but 0.1 %.
    """
    sums = _distance_sums(molecules, progress)
    kind = _mixed(_composition(molecules) + molecules.sizes.astype(np.uint64))
    hashes = np.empty((molecules.n_molecules, N_ROUNDINGS), dtype=np.uint64)
    for rounding in range(N_ROUNDINGS):
        cells = np.floor(sums / STEP + rounding / N_ROUNDINGS)
        value = kind + np.uint64(rounding)
        for cell in np.clip(cells, -(2.0**62), 2.0**62).astype(np.int64).T:
            value = _mixed(value ^ cell.view(np.uint64))
        hashes[:, rounding] = value
    return hashes


def _distance_sums(molecules: Molecules, progress: Progress | None) -> NDArray[np.float64]:
    """(n_molecules, N_SUMS) sums over pairs of atoms, divided by the number of atoms."""
    number = np.arange(256)
    # weights of each element, from 0.5 to 1, that no simple relation connects
    weights = 0.5 + 0.5 * np.mod(np.outer(number, np.sqrt([2.0, 3.0, 5.0, 7.0, 11.0, 13.0])), 1.0)
    sums = np.zeros((molecules.n_molecules, N_SUMS))
    for chunk in pair_chunks(molecules, progress=progress):
        d = chunk.distances
        with np.errstate(invalid="ignore"):
            values = (d, 1.0 / (1.0 + d), *(np.cos(frequency * d) / frequency for frequency in _FREQUENCIES))
        for k, value in enumerate(values):
            weight = weights[chunk.numbers, k]
            sums[chunk.rows, k] += np.einsum("rp,rp,rp->r", value, weight[:, chunk.i], weight[:, chunk.j])
    return np.nan_to_num(sums / np.maximum(molecules.sizes, 1)[:, None], posinf=1e300, neginf=-1e300)


def _composition(molecules: Molecules) -> Hashes:
    """(n_molecules,) a number for each sum formula."""
    of_element = _mixed(np.array(molecules.elements, dtype=np.uint64))
    return (molecules.element_counts.astype(np.uint64) * of_element).sum(axis=1, dtype=np.uint64)


def _mixed(values: Hashes) -> Hashes:
    """Spread the bits of (n,) numbers (splitmix64; G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def matching(one: Hashes, other: Hashes) -> tuple[Rows, Rows]:
    """Pairs of rows of two tables of hashes that agree in a column, each pair once, ascending."""
    pairs = []
    for a, b in zip(one.T, other.T, strict=True):
        order = np.argsort(b, kind="stable")
        low, high = np.searchsorted(b[order], a, "left"), np.searchsorted(b[order], a, "right")
        rows = np.repeat(np.arange(len(a)), high - low)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(high - low) - (high - low), high - low)
        pairs.append(np.stack([rows, order[np.repeat(low, high - low) + within]], axis=1))
    found = np.unique(np.concatenate(pairs), axis=0)
    return found[:, 0], found[:, 1]


def same_pairs(one: Molecules, other: Molecules, rows: tuple[Rows, Rows]) -> NDArray[np.bool_]:
    """(n_pairs,) whether all distances, sorted within each pair of elements, agree to TOLERANCE."""
    a, b = rows
    sizes = one.sizes[a]
    same = sizes == other.sizes[b]
    single = same & (sizes == 1)
    same[single] = one.numbers[one.first_atom[a[single]]] == other.numbers[other.first_atom[b[single]]]
    order = np.flatnonzero(same & (sizes > 1))
    order = order[np.argsort(sizes[order], kind="stable")]
    spectra = zip(_spectra(one, a[order]), _spectra(other, b[order]), strict=True)
    agree = [(np.abs(first - second) <= TOLERANCE).all(axis=1) for first, second in spectra]
    same[order] = np.concatenate([np.zeros(0, dtype=bool), *agree])
    return same


def _spectra(molecules: Molecules, rows: Rows) -> Iterator[NDArray[np.float64]]:
    """Distances of the molecules at `rows`, in chunks of these in their order: ascending within a pair of elements."""
    parts: list[NDArray[np.float64]] = []
    for chunk in pair_chunks(molecules, rows):
        numbers = chunk.numbers.astype(np.float64)
        a, b = numbers[:, chunk.i], numbers[:, chunk.j]
        kind = 256.0 * np.minimum(a, b) + np.maximum(a, b)
        # the pair of elements before the distance: what is of another kind can never agree
        parts.append(_FARTHEST * kind + np.minimum(chunk.distances, _FARTHEST / 2))
        size = chunk.numbers.shape[1]
        if sum(part.shape[1] for part in parts) == size * (size - 1) // 2:
            yield np.sort(np.concatenate(parts, axis=1), axis=1)
            parts = []


def find_same(one: Molecules, other: Molecules, progress: Progress | None = None) -> tuple[Rows, Rows]:
    """Molecules of two sets that are the same: their rows in each, pair by pair; hashes first, then every distance."""
    rows = matching(identities(one, progress), identities(other, progress))
    same = same_pairs(one, other, rows)
    return rows[0][same], rows[1][same]


def identity_groups(molecules: Molecules, hashes: Hashes) -> Rows:
    """(n_molecules,) for each molecule the row of the first one, by id, that is the same; its own row if it is alone.

    Molecules whose hashes agree are compared distance by distance before they are called the same.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = molecules.n_molecules
    a, b = _candidates(hashes)
    same = same_pairs(molecules, molecules, (a, b))
    links = coo_array((np.ones(int(same.sum()), dtype=bool), (a[same], b[same])), shape=(n, n))
    n_groups, group = connected_components(links, directed=False)
    order = np.argsort(molecules.ids, kind="stable")
    first = np.full(n_groups, n)
    np.minimum.at(first, group[order], np.arange(n))
    return order[first[group]]


def _candidates(hashes: Hashes) -> tuple[Rows, Rows]:
    """Pairs of rows that agree in a column and are neighbours in its order, each pair once."""
    pairs = []
    for column in hashes.T:
        order = np.argsort(column, kind="stable")
        equal = np.flatnonzero(column[order][1:] == column[order][:-1])
        pairs.append(np.stack([order[equal], order[equal + 1]], axis=1))
    found = np.unique(np.concatenate(pairs), axis=0)
    return found[:, 0], found[:, 1]


def open_identities(dataset: Dataset, progress: Progress | None = None) -> Rows:
    """(n_molecules,) the groups of `identity_groups`, found once and kept beside the dataset.

    Raises:
        MollensError: if the disk is full or the dataset has been deleted.
    """
    known = read_identities(dataset)
    if known is not None:
        return known
    _check_there(dataset)
    with lock(dataset.folder / ".identity.lock"):
        known = read_identities(dataset)
        if known is None:
            known = identity_groups(dataset.molecules, identities(dataset.molecules, progress))
            path = _path(dataset)
            draft = path.with_name(f".{path.name}.part")
            with plain_disk_errors(path):
                write_array(draft, known)
                draft.replace(path)
    return known


def read_identities(dataset: Dataset) -> Rows | None:
    """The stored groups; None if they have not been found yet or the file is damaged, then they are found anew."""
    try:
        groups = np.load(_path(dataset), mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    n = dataset.molecules.n_molecules
    if groups.shape != (n,) or groups.dtype != np.int64 or groups.min() < 0 or groups.max() >= n:
        return None
    return groups


def _check_there(dataset: Dataset) -> None:
    if not dataset.folder.is_dir():
        raise MollensError(f"dataset {dataset.name}: has been deleted; choose another")


def _path(dataset: Dataset) -> Path:
    # the checksum is in the name, so that the groups never outlive the molecules they were found among
    return dataset.folder / f"identity-{dataset.card.sha256[:12]}.npy"
