"""The tenths of how well a spread or a distance tells the error, as a table and a report; and which runs are seeds."""

from __future__ import annotations

import numpy as np
import polars as pl

from core.judge.comparing.recipes_compared import recipe_key
from core.judge.inspect.uncertainty import Uncertainties, Uncertainty
from core.judge.statistics.intervals import N_POINTS_ONLY
from core.runs.folder import Run, list_runs
from core.runs.predictions import predictions_folder


def seeds_of(run: Run, dataset: str) -> list[Run]:
    """All runs of the recipe of `run`, whatever their seed, that have predictions for a dataset; itself first."""
    key = recipe_key(run)
    others = [
        other
        for other in list_runs()
        if other.id != run.id and other.error is None and recipe_key(other) == key
        if predictions_folder(other, dataset)
    ]
    return [run, *sorted(others, key=lambda other: (other.seed, other.id))]


def place_in_size(told: Uncertainty, molecule: int, sizes: np.ndarray) -> float | None:
    """Share of the molecules of its size whose quantity is smaller, equal ones by half; None below 10 or unknown.

    sizes: (n_molecules,) of the dataset
    """
    place = np.flatnonzero(told.ids == molecule)
    if not len(place) or not np.isfinite(told.values[place[0]]):
        return None
    value, size = told.values[place[0]], sizes[told.rows[place[0]]]
    own = told.values[(sizes[told.rows] == size) & np.isfinite(told.values)]
    if len(own) < N_POINTS_ONLY:
        return None
    return float(((own < value).sum() + (own == value).sum() / 2) / len(own))


def tenths_table(told: Uncertainties) -> pl.DataFrame:
    """One row for each tenth of the molecules of a size by each quantity: mean |error| relative to that of the size."""
    columns = ("quantity", "from", "to", "n", "relative_error", "relative_low", "relative_high")
    rows = [
        (each.quantity, p.low, p.high, p.n, p.relative_error, p.relative_low, p.relative_high)
        for each in told.found
        for p in each.within_sizes.parts
    ]
    kinds = [pl.String, pl.Float64, pl.Float64, pl.Int64, pl.Float64, pl.Float64, pl.Float64]
    table = pl.DataFrame(rows, schema=dict(zip(columns, kinds, strict=True)), orient="row")
    return table.with_columns(pl.col("relative_low", "relative_high").fill_nan(None))


def uncertainty_report(told: Uncertainties) -> dict[str, object]:
    """What is known of each quantity, as `uncertainty --json` prints it."""
    table, found = tenths_table(told), {}
    for each in told.found:
        within = each.within_sizes
        found[each.quantity] = {
            "rank_correlation": _number(within.value), "low": _number(within.low), "high": _number(within.high),
            "p": _number(within.p), "n": within.n, "n_left_out": within.n_left_out, "sizes": len(within.sizes),
            "within_twice_the_spread": each.covered,
            "tenths": table.filter(pl.col("quantity") == each.quantity).drop("quantity").to_dicts(),
        }  # fmt: skip
    return {"n_seeds": told.n_seeds, "quantities": found, "missing": list(told.missing)}


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
