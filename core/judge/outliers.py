"""The held-out molecules that a run predicts worst, best or most one-sidedly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.data.molecules import NUMBERS
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.groups import Group
from core.judge.held_out import HeldOut, held_out
from core.judge.intervals import N_POINTS_ONLY
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


@dataclass(frozen=True, eq=False)
class OutlierPage:
    """A page out of the ordered held-out molecules."""

    table: pl.DataFrame
    """rank, id, row, error (predicted minus target), target, predicted, baseline, size, times_size_mae, size_rank,
    n_size, formula, smiles; energies in the target's unit"""
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
    them; `size_rank` of `n_size` is the place among them, 1 for the worst.

    Raises:
        MollensError: as `held_out`, or for an unknown order or element.
    """
    return page_of(held_out(run, dataset, split), within, order, limit, offset)


def page_of(
    source: HeldOut, within: Mask | Group | None = None, order: str = "worst", limit: int = 9, offset: int = 0
) -> OutlierPage:
    """The page of `worst_molecules` for held-out molecules that are already at hand."""
    if order not in ORDERS:
        raise MollensError(f"order {order!r} is not known; known are {', '.join(ORDERS)}")
    inside = _members(source, within)
    chosen = _in_order(source, inside, order)
    molecules = source.dataset.molecules
    shown = chosen[offset : offset + limit]
    error, sizes = source.error, source.sizes
    rows = source.rows[shown]
    ratio, rank, n_size = _place_in_size(np.abs(error), sizes, shown)
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
            "size_rank": rank,
            "n_size": n_size,
            "formula": pl.Series([molecules.formula(int(row)) for row in rows], dtype=pl.String),
            "smiles": pl.Series([molecules.smiles_of(int(row)) for row in rows], dtype=pl.String),
        }
    ).with_columns(pl.col("times_size_mae").fill_nan(None))
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


def _place_in_size(size_of_error: Floats, sizes: Ints, shown: Ints) -> tuple[Floats, Ints, Ints]:
    """For molecules at `shown` (k,): error over the MAE of their size (NaN below 10), rank in it, molecules in it."""
    ratio = np.full(len(shown), np.nan)
    rank, n_size = np.zeros(len(shown), dtype=np.int64), np.zeros(len(shown), dtype=np.int64)
    for k, place in enumerate(shown):
        same = size_of_error[sizes == sizes[place]]
        n_size[k] = len(same)
        rank[k] = 1 + int((same > size_of_error[place]).sum())
        if len(same) >= N_POINTS_ONLY and same.mean() > 0:
            ratio[k] = size_of_error[place] / same.mean()
    return ratio, rank, n_size
