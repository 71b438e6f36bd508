"""The held-out molecules that a run predicts worst, best or most one-sidedly, or that runs disagree about."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.data.molecules import NUMBERS
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.grouping.groups import Group
from core.judge.held_out import HeldOut, held_out
from core.judge.inspect.paired_orders import PAIRED_ORDERS, PairedOrder, by_key, paired_order, robust_spread
from core.judge.statistics.intervals import N_POINTS_ONLY
from core.runs.folder import Run

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

N_BINS = 81

ORDERS = {
    "worst": "largest error first",
    "best": "smallest error first",
    "too high": "predicted too high, farthest first",
    "too low": "predicted too low, farthest first",
    "random": "in a random order, always the same",
}
"""Orders of one run."""


@dataclass(frozen=True, eq=False)
class OutlierPage:
    """A page out of the ordered held-out molecules."""

    table: pl.DataFrame
    """rank, id, row, error (predicted minus target), target, predicted, baseline, size, times_size_mae, times_spread,
    size_rank, n_size, formula, smiles; energies in the target's unit. In the order "differ" also other_error and
    difference (of the errors, this model minus the other), in "seeds" also mean_error and seed_spread"""
    total: int
    """molecules in the order, all pages together"""
    n_group: int
    """held-out molecules of the group, in the order or not"""
    n_held_out: int
    """held-out molecules of all groups"""
    mae: float
    """mean absolute error of all held-out molecules"""
    largest: float
    """largest absolute error in the group"""
    tail_share: float | None
    """part of the summed absolute error of the group that its worst 1 % carry; None below 100 molecules"""
    edges: Floats
    """(n_bins + 1,) of a histogram of the signed error in the group, symmetric about 0"""
    counts: Ints
    """(n_bins,) molecules in each bin"""


def worst_molecules(
    run: Run,
    dataset: Dataset,
    within: Mask | Group | None = None,
    order: str = "worst",
    limit: int = 9,
    offset: int = 0,
    split: str = "test",
) -> OutlierPage:
    """Held-out molecules of a run in an order, `limit` of them from `offset` on.

    within: only molecules of a group, or those inside (n_molecules,) of the dataset
    order: a key of `ORDERS`; "too high" and "too low" leave out the other side

    `times_size_mae` is |error| over the mean absolute error of all held-out molecules of that size, null below 10 of
    them, and `times_spread` the same over the robust standard deviation of their signed errors; `size_rank` of
    `n_size` is the place among them, 1 for the worst.

    Raises:
        MollensError: as `held_out`, or for an unknown order or element.
    """
    return page_of(held_out(run, dataset, split), within, order, limit, offset)


def page_of(
    source: HeldOut,
    within: Mask | Group | None = None,
    order: str = "worst",
    limit: int = 9,
    offset: int = 0,
    *,
    against: Sequence[HeldOut] = (),
    seeds: Sequence[HeldOut] = (),
) -> OutlierPage:
    """The page of `worst_molecules` for held-out molecules that are already at hand.

    Args:
        against: for the order "differ", the other model: one of its runs, or several seeds, whose mean is taken.
        seeds: for the order "seeds", the other seeds of the recipe.

    These two orders hold the molecules that all of the runs hold out and none has seen.

    Raises:
        MollensError: for an unknown order, one of a pair without its other runs, or no molecule in common.
    """
    inside, chosen, paired = _chosen(source, within, order, against, seeds)
    molecules = source.dataset.molecules
    shown = chosen[offset : offset + limit]
    error, sizes = source.error, source.sizes
    rows = source.rows[shown]
    ratio, times_spread, rank, n_size = _place_in_size(error, sizes, shown)
    table = pl.DataFrame(
        {
            "rank": pl.Series(np.arange(offset + 1, offset + 1 + len(shown)), dtype=pl.Int64),
            "id": source.ids[shown],
            "row": rows,
            "error": error[shown],
            "target": source.target_values[shown],
            "predicted": source.predicted[shown],
            "baseline": source.baseline[shown],
            "size": sizes[shown],
            "times_size_mae": ratio,
            "times_spread": times_spread,
            "size_rank": rank,
            "n_size": n_size,
            "formula": pl.Series([molecules.formula(int(row)) for row in rows], dtype=pl.String),
            "smiles": pl.Series([molecules.smiles_of(int(row)) for row in rows], dtype=pl.String),
            **({} if paired is None else {name: values[shown] for name, values in paired.columns.items()}),
        }
    ).with_columns(pl.col("times_size_mae", "times_spread").fill_nan(None))
    off = np.abs(error)
    edges, counts = _histogram(error[inside])
    return OutlierPage(
        table=table,
        total=len(chosen),
        n_group=int(inside.sum()),
        n_held_out=len(error),
        mae=float(off.mean()),
        largest=float(off[inside].max(initial=0.0)),
        tail_share=_tail_share(off[inside]),
        edges=edges,
        counts=counts,
    )


def ids_in_order(
    source: HeldOut,
    within: Mask | Group | None = None,
    order: str = "worst",
    *,
    against: Sequence[HeldOut] = (),
    seeds: Sequence[HeldOut] = (),
) -> Ints:
    """(n,) ids of all molecules of the order; arguments and errors as `page_of`."""
    return np.asarray(source.ids[_chosen(source, within, order, against, seeds)[1]])


def _chosen(
    source: HeldOut, within: Mask | Group | None, order: str, against: Sequence[HeldOut], seeds: Sequence[HeldOut]
) -> tuple[Mask, Ints, PairedOrder | None]:
    """(n,) which held-out molecules are meant, places of those in the order, and what an order of several runs says."""
    if order not in ORDERS and order not in PAIRED_ORDERS:
        raise MollensError(f"order {order!r} is not known; known are {', '.join((*ORDERS, *PAIRED_ORDERS))}")
    inside = _members(source, within)
    paired = paired_order(source, order, against, seeds)
    return inside, _in_order(source, inside, order) if paired is None else by_key(paired, inside), paired


def outliers_report(
    page: OutlierPage, source: HeldOut, group: Group | None, order: str, where: Sequence[str] = ()
) -> dict[str, Any]:
    """A page as `outliers --json` prints it; `where` are the filters that it stays within besides the group."""
    return {
        "run": source.run.name,
        "dataset": source.dataset.name,
        "target": source.target.key,
        "split": source.run.split_name,
        "unit": source.target.unit,
        "group": group.name if group is not None and group.name else "all",
        "where": list(where),
        "order": order,
        "part": source.part,
        "n": page.total,
        "molecules": page.table.drop("row").to_dicts(),
    }


def _histogram(error: Floats) -> tuple[Floats, Ints]:
    reach = float(np.abs(error).max()) * 1.001 if len(error) and np.abs(error).max() > 0 else 1.0
    counts, edges = np.histogram(error, bins=N_BINS, range=(-reach, reach))
    return edges, counts


def _tail_share(size_of_error: Floats) -> float | None:
    n = len(size_of_error) // 100
    total = size_of_error.sum()
    return float(np.sort(size_of_error)[-n:].sum() / total) if n and total > 0 else None


def _members(source: HeldOut, within: Mask | Group | None) -> Mask:
    """(n,) which held-out molecules are meant."""
    if within is None:
        return np.ones(len(source.rows), dtype=bool)
    if isinstance(within, Group):
        if within.element is not None and within.element not in NUMBERS:
            raise MollensError(f"element {within.element!r} is not known; use a symbol such as F")
        return within.members(source.dataset.molecules, source.rows)
    return within[source.rows]


def _in_order(source: HeldOut, inside: Mask, order: str) -> Ints:
    """(n,) places in `source` of the molecules inside, in the order; equal errors stay in order of id."""
    error = source.error
    if order == "too high":
        inside = inside & (error > 0)
    elif order == "too low":
        inside = inside & (error < 0)
    places = np.flatnonzero(inside)
    if order == "random":
        return places[np.argsort(np.random.default_rng(0).random(len(error))[places], kind="stable")]
    key = np.abs(error[places]) if order == "best" else -np.abs(error[places])
    return places[np.argsort(key, kind="stable")]


def _place_in_size(error: Floats, sizes: Ints, shown: Ints) -> tuple[Floats, Floats, Ints, Ints]:
    """For molecules at `shown` (k,): |error| over the MAE and over the spread of their size (NaN below 10 molecules),
    rank in it, molecules in it."""
    off = np.abs(error)
    ratio, times = np.full(len(shown), np.nan), np.full(len(shown), np.nan)
    rank, n_size = np.zeros(len(shown), dtype=np.int64), np.zeros(len(shown), dtype=np.int64)
    for size in np.unique(sizes[shown]):
        own, alike = np.flatnonzero(sizes[shown] == size), sizes == size
        same, asked = np.sort(off[alike]), off[shown[own]]
        n_size[own] = len(same)
        rank[own] = 1 + len(same) - np.searchsorted(same, asked, "right")
        if len(same) >= N_POINTS_ONLY and same.mean() > 0:
            ratio[own] = asked / same.mean()
            spread = robust_spread(error[alike])
            times[own] = asked / spread if spread > 0 else np.nan
    return ratio, times, rank, n_size
