"""How the values of properties are spread: bins, histograms of selections and groups, two properties together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.data.balance import size_classes
from core.data.cells import Rows, cells_of
from core.data.splits import DEFAULT, Split, open_split
from core.data.store import Dataset
from core.data.summary import count_by_size
from core.errors import MollensError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Per = Literal["molecule", "atom"]
Grouping = Literal["element", "size_class", "part"]

N_BINS = 60
N_BINS_2D = 44
TAIL = 0.001
"""Share of the molecules at each end that may lie outside the bins, where they would stretch the axis much."""
MOST_TAIL = 0.25
"""Room that they may take at one end, as a share of that of all others together."""
LARGEST = 1e300
"""Values beyond it lie outside all bins, and differences below its inverse are none: all else stays a number."""
NEARLY_ALL = 0.95
"""An element in a larger share of the molecules has the distribution of all of them."""
PART_NAMES = {"train": "training", "validation": "validation", "test": "test"}


@dataclass(frozen=True, eq=False)
class Bins:
    """The values of one property in bins of equal width, on a linear or a logarithmic axis."""

    edges: Floats
    """(n_bins + 1,) ascending; a value on an edge belongs to the bin above, the last edge to the last bin"""
    of: NDArray[np.int16]
    """(n_molecules,) bin of each molecule; n_bins is below all, n_bins + 1 above all, n_bins + 2 has no value"""
    log: bool = False

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return len(self.edges) - 1

    def place(self, value: float) -> float:
        """Where a value stands among the edges, the first at 0, the last at `n_bins`; -inf without a logarithm."""
        if self.log and value <= 0:
            return -math.inf
        low, high, here = (math.log(v) if self.log else v for v in (self.edges[0], self.edges[-1], value))
        return float((here - low) / (high - low) * self.n_bins)


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many molecules are in each bin, and how many are in none."""

    counts: Ints
    """(n_bins,)"""
    below: int
    above: int
    missing: int
    """molecules without a value"""
    median: float
    """of the molecules with a value; NaN without any"""
    quartiles: tuple[float, float]
    """the values below which a quarter and three quarters of them lie; NaN without any"""

    @property
    def n(self) -> int:
        """Molecules with a value, those outside the bins included."""
        return int(self.counts.sum()) + self.below + self.above


def property_values(dataset: Dataset, key: str, per: Per = "molecule") -> Floats:
    """(n_molecules,) values of a property, or their share per atom; in the property's unit.

    Raises:
        MollensError: if the dataset has no such property, if it is not one number per molecule, and for `per="atom"`
            if it does not grow with the number of atoms.
    """
    prop = dataset.property(key)
    values = dataset.molecules.columns.get(key)
    if values is None or values.ndim != 1:
        raise MollensError(f"property {key}: is not one number per molecule; its distribution cannot be shown")
    if per == "molecule":
        return values
    if not prop.extensive:
        raise MollensError(f"property {key}: does not grow with the number of atoms; show it per molecule")
    return values / dataset.molecules.sizes


def bin_values(values: Floats, n_bins: int = N_BINS, log: bool = False) -> Bins:
    """Put values into about `n_bins` bins with round edges; NaN and infinities count as missing.

    All values lie within the bins, unless the outermost 0.1 % at an end take more than a quarter of the room of all
    others: then the bins end before them, and they are counted as below or above. On a logarithmic axis values that are
    not positive count as below.
    """
    finite = np.isfinite(values)
    edges = _log_edges(values[finite], n_bins) if log else _edges(values[finite], n_bins)
    n = len(edges) - 1
    of = np.searchsorted(edges, values, side="right") - 1
    of[values == edges[-1]] = n - 1
    of[values > edges[-1]] = n + 1
    of[values < edges[0]] = n
    of[~finite] = n + 2
    return Bins(edges, of.astype(np.int16), log)


def _reach(values: Floats) -> tuple[float, float]:
    """Lowest and highest value that the bins hold."""
    low, high = float(values.min()), float(values.max())
    k = int(TAIL * len(values))
    if k == 0:
        return low, high
    inner = np.partition(values, (k, len(values) - 1 - k))
    inner_low, inner_high = float(inner[k]), float(inner[-1 - k])
    width = inner_high - inner_low
    if width <= 0:
        return low, high
    room = MOST_TAIL * width
    return (low if inner_low - low <= room else inner_low, high if high - inner_high <= room else inner_high)


def _edges(values: Floats, n_bins: int) -> Floats:
    if len(values) == 0:
        return np.array([0.0, 1.0])
    low, high = (min(max(end, -LARGEST), LARGEST) for end in _reach(values))
    if high - low <= max(1e-9 * max(abs(low), abs(high)), 1 / LARGEST):
        room = max(abs(low), 1.0) * 1e-3
        return np.array([low - room, high + room])
    raw = (high - low) / n_bins
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * min((1, 2, 2.5, 5, 10), key=lambda factor: abs(math.log(factor * power / raw)))
    shift = 0.0
    if (values == np.round(values)).all():
        step, shift = float(max(1, round(step))), -0.5  # whole numbers: each bin holds equally many, none on an edge
    first, last = math.floor((low - shift) / step + 1e-9), math.ceil((high - shift) / step - 1e-9)
    edges: Floats = np.arange(first, max(last, first + 1) + 1).astype(np.float64) * step + shift
    edges = np.round(edges, min(max(0, 1 - math.floor(math.log10(step))), 300))  # -4.725, not -4.7250000000000005
    edges[0], edges[-1] = min(edges[0], low), max(edges[-1], high)  # rounding must not leave the ends out
    return edges


def _log_edges(values: Floats, n_bins: int) -> Floats:
    positive = np.log10(values[values > 0])
    if len(positive) == 0:
        return np.array([1.0, 10.0])
    low, high = (max(end, -math.log10(LARGEST)) for end in _reach(positive))
    if high - low < 1e-9:
        low, high = low - 0.05, high + 0.05
    edges: Floats = np.power(10.0, np.linspace(low, high, n_bins + 1)).astype(np.float64)
    # The ends are values that occur; rounding in the power must not leave them out.
    edges[0], edges[-1] = min(edges[0], 10.0**low * (1 - 1e-12)), max(edges[-1], 10.0**high * (1 + 1e-12))
    return edges


@lru_cache(maxsize=64)
def bins_of(dataset: Dataset, key: str, per: Per = "molecule", log: bool = False, n_bins: int = N_BINS) -> Bins:
    """The bins of a property of a dataset, made from all its molecules and kept, so that filters share the axis.

    Raises:
        MollensError: as `property_values` does.
    """
    return bin_values(property_values(dataset, key, per), n_bins, log)


@lru_cache(maxsize=32)
def ranks_of(dataset: Dataset, key: str, per: Per = "molecule") -> tuple[Floats, NDArray[np.int32]]:
    """The distinct values of a property, ascending, and (n_molecules,) which of them each molecule has; NaN the last.

    Kept, because medians and ranks of any selection then follow by counting, without a sort.

    Raises:
        MollensError: as `property_values` does.
    """
    values = property_values(dataset, key, per)
    distinct, rank = np.unique(np.where(np.isfinite(values), values, np.nan), return_inverse=True)
    return distinct, rank.astype(np.int32)


def histogram(
    dataset: Dataset,
    key: str,
    rows: Rows | None = None,
    per: Per = "molecule",
    log: bool = False,
    n_bins: int = N_BINS,
) -> Histogram:
    """How the molecules at `rows`, or all, are spread over the bins of a property.

    Raises:
        MollensError: as `property_values` does.
    """
    bins = bins_of(dataset, key, per, log, n_bins)
    distinct, ranks = ranks_of(dataset, key, per)
    counts = np.bincount(bins.of if rows is None else bins.of[rows], minlength=bins.n_bins + 3)
    below, above, missing = (int(n) for n in counts[-3:])
    low, median, high = _quartiles(ranks if rows is None else ranks[rows], distinct, missing)
    return Histogram(counts[:-3], below, above, missing, median, (low, high))


def _quartiles(ranks: NDArray[np.int32], distinct: Floats, missing: int) -> tuple[float, float, float]:
    """A quarter, the half and three quarters of the values, from their ranks by counting; numpy's linear rule."""
    n = len(ranks) - missing
    if n == 0:
        return math.nan, math.nan, math.nan
    last = np.cumsum(np.bincount(ranks, minlength=len(distinct)))
    places = np.array([0.25, 0.5, 0.75]) * (n - 1)
    low = distinct[np.searchsorted(last, np.floor(places), side="right")]
    high = distinct[np.searchsorted(last, np.ceil(places), side="right")]
    first, half, third = (low + (high - low) * (places - np.floor(places))).tolist()
    return first, half, third


def grouped_histogram(
    dataset: Dataset,
    key: str,
    by: Grouping,
    rows: Rows | None = None,
    per: Per = "molecule",
    log: bool = False,
    n_bins: int = N_BINS,
    split: str = DEFAULT,
) -> dict[str, Histogram]:
    """Group -> how its molecules among those at `rows`, or among all, are spread over the bins of a property.

    Raises:
        MollensError: as `property_values` and `groups_of` do.
    """
    groups = groups_of(dataset, by, rows, split)
    return {name: histogram(dataset, key, members, per, log, n_bins) for name, members in groups.items()}


def groups_of(dataset: Dataset, by: Grouping, rows: Rows | None = None, split: str = DEFAULT) -> dict[str, Rows]:
    """Group -> rows of its molecules among those at `rows`, or among all; groups without molecules are left out.

    by: "element" (molecules that contain it; elements in nearly all molecules are left out), "size_class" (up to six
        ranges of sizes, those of the whole dataset) or "part" of the named split.

    Raises:
        MollensError: for an unknown grouping and a split that cannot be read.
    """
    if by == "part":
        of = _part_of(dataset, open_split(dataset, split))
        members = {name: of == code for code, name in enumerate(PART_NAMES.values())}
    elif by in ("element", "size_class"):
        cells = cells_of(dataset.molecules)
        inside = _size_class_cells(dataset) if by == "size_class" else _element_cells(dataset)
        members = {name: has[cells.of] for name, has in inside.items()}
    else:
        raise MollensError(f"grouping {by!r} is not known; known are element, size_class, part")
    every = np.arange(dataset.molecules.n_molecules) if rows is None else rows
    found = {name: every[is_member[every]] for name, is_member in members.items()}
    return {name: group for name, group in found.items() if len(group)}


def _element_cells(dataset: Dataset) -> dict[str, NDArray[np.bool_]]:
    """Element -> (n_cells,) which cells contain it."""
    molecules, cells = dataset.molecules, cells_of(dataset.molecules)
    shares = cells.total @ cells.contained / molecules.n_molecules
    columns = dict(zip(molecules.symbols, cells.contained.T, strict=True))
    told = [symbol for symbol, share in zip(molecules.symbols, shares, strict=True) if share <= NEARLY_ALL]
    return {symbol: columns[symbol] for symbol in told or molecules.symbols}


def _size_class_cells(dataset: Dataset) -> dict[str, NDArray[np.bool_]]:
    """Range of sizes in words -> (n_cells,) which cells are in it."""
    cells = cells_of(dataset.molecules)
    return {
        f"{low} atoms" if low == high else f"{low} to {high} atoms": (cells.sizes >= low) & (cells.sizes <= high)
        for low, high in size_classes(*count_by_size(dataset.molecules))
    }


@lru_cache(maxsize=16)
def _part_codes(dataset: Dataset, name: str, split_hash: str) -> NDArray[np.int8]:
    split = open_split(dataset, name)
    of = np.full(dataset.molecules.n_molecules, -1, dtype=np.int8)
    for code, part in enumerate(PART_NAMES):
        of[dataset.molecules.rows_of(getattr(split, part))] = code
    return of


def _part_of(dataset: Dataset, split: Split) -> NDArray[np.int8]:
    """(n_molecules,) part of the split that each molecule is in, by the order of PART_NAMES; -1 in none."""
    return _part_codes(dataset, split.name, split.hash)
