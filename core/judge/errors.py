"""Held-out errors of one run, by group of molecules."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.data.store import Dataset
from core.errors import MollensError
from core.judge.groups import Group, cells_of, is_common, make_groups, membership
from core.judge.held_out import MEASURES, PER, HeldOut, held_out, quantities, shared_held_out, unit_per
from core.judge.intervals import (
    N_PERCENTILE,
    N_POINTS_ONLY,
    interval_of_quantile,
    intervals_of_means,
    kind_of_interval,
)
from core.judge.resampling import Resamples, sums_by_cell
from core.runs.folder import Run

Floats = NDArray[np.float64]


def group_errors(
    run: Run,
    dataset: Dataset,
    by: str = "size",
    split: str = "test",
    per: str = "molecule",
    only: NDArray[np.int64] | None = None,
) -> pl.DataFrame:
    """Errors of a run on held-out molecules, one row per group of `make_groups`.

    by: a grouping of `make_groups`
    split: "test" or "validation", the part of the run's split
    per: "molecule", or "atom" for errors divided by the number of atoms (extensive targets only)
    only: ids to stay within, see `shared_held_out`

    Columns: group, label, lowest, highest (atoms), element, n_held_out, n_train, share (of all molecules), common (at
    least 1 %), interval ("none", "bootstrap-t", "bca"); mae, rmse, median, p95, bias each with _low and _high (95 %);
    mse (unit squared), max; baseline_mae, baseline_rmse, baseline_median, baseline_bias. Values are in the target's
    unit, bias is predicted minus target. Null where the number of molecules allows no value or no interval. Groups
    without held-out molecules stay, with null values.

    Raises:
        MollensError: see `held_out`; or for "atom" with an intensive target.
    """
    return errors_of(held_out(run, dataset, split, only), by, per)


def errors_of(source: HeldOut, by: str | Sequence[Group] = "size", per: str = "molecule") -> pl.DataFrame:
    """The table of `group_errors` for held-out molecules that are already at hand, and for any groups."""
    molecules, cells = source.dataset.molecules, cells_of(source.dataset.molecules)
    groups = _groups(source, by) if isinstance(by, str) else list(by)
    of_group = membership(groups, molecules, cells.example)  # (n_groups, n_cells)
    member = of_group[:, cells.of[source.rows]]
    n_held_out, n_all = member.sum(axis=1), of_group @ cells.count(source.all_rows)
    scale = _scale(source, per)
    resamples = source.resamples.part(slice(0, 3) if per == "molecule" else slice(3, 6))
    columns: dict[str, Any] = {
        **_names(groups),
        "n_held_out": n_held_out,
        "n_train": of_group @ cells.count(source.train_rows),
        "share": n_all / len(source.all_rows),
        "common": is_common(n_all, len(source.all_rows)),
        "interval": [kind_of_interval(int(n)) for n in n_held_out],
        **_measures(source.error * scale, member, resamples),
        **_baseline(source.baseline_error * scale, member, source.resamples),
    }
    return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))


def _groups(source: HeldOut, by: str) -> list[Group]:
    """The groups of one grouping that occur in the split."""
    molecules, rows = source.dataset.molecules, source.all_rows
    if by in ("size", "element", "size_element"):  # what occurs does not need all molecules
        cells = cells_of(molecules)
        rows = cells.example[cells.count(rows) > 0]
    return make_groups(molecules, rows, by)


def report(
    run: Run,
    dataset: Dataset,
    by: str = "size",
    measure: str = "mae",
    split: str = "test",
    per: str = "molecule",
    others: Sequence[Run] = (),
) -> dict[str, Any]:
    """Held-out errors as `report --json` prints them; groups without held-out molecules are left out.

    Every group and the whole carry the measure with its interval, e.g. "median", "median_low", "median_high".
    others: stay within the molecules that these runs have not seen either, see `shared_held_out`.

    Raises:
        MollensError: as `group_errors`, or for an unknown measure.
    """
    if measure not in MEASURES:
        raise MollensError(f"measure {measure!r} is not known; known are {', '.join(MEASURES)}")
    only = shared_held_out([run, *others], dataset, split) if others else None
    source = held_out(run, dataset, split, only)
    total = errors_of(source, "all", per).row(0, named=True)
    table = errors_of(source, by, per).filter(pl.col("n_held_out") > 0)
    limits = [] if measure == "max" else [f"{measure}_low", f"{measure}_high"]  # a maximum has no interval
    whole = dict.fromkeys(["mae", "rmse", "baseline_mae", measure, *limits])
    keys = dict.fromkeys(["group", "n_held_out", "n_train", "mae", "mae_low", "mae_high", "rmse", measure, *limits])
    return {
        "run": run.name,
        "dataset": dataset.name,
        "target": source.target.key,
        "split": run.split_name,
        "part": split,
        "per": per,
        "unit": unit_per(source.target.unit, per),
        "n": total["n_held_out"],
        **{key: total[key] for key in whole},
        "groups": table.select(list(keys)).to_dicts(),
    }


def _scale(source: HeldOut, per: str) -> Floats:
    """(n,) factor on every error: 1, or one over the number of atoms."""
    if per not in PER:
        raise MollensError(f"errors per {per!r} are not known; known are {', '.join(PER)}")
    if per == "molecule":
        return np.ones(len(source.rows))
    if not source.target.extensive:
        raise MollensError(
            f"run {source.run.name}: {source.target.label} does not grow with the molecule, so an error per atom "
            "has no meaning; use errors per molecule"
        )
    return 1.0 / source.sizes


def _names(groups: list[Group]) -> dict[str, pl.Series]:
    return {
        "group": pl.Series([g.name for g in groups], dtype=pl.String),
        "label": pl.Series([g.label for g in groups], dtype=pl.String),
        "lowest": pl.Series([g.lowest for g in groups], dtype=pl.Int64),
        "highest": pl.Series([g.highest for g in groups], dtype=pl.Int64),
        "element": pl.Series([g.element for g in groups], dtype=pl.String),
    }


def _measures(error: Floats, member: NDArray[np.bool_], resamples: Resamples) -> dict[str, Floats]:
    """All measures of errors (n,) in every group with their limits; each (n_groups,), NaN where not allowed."""
    size = np.abs(error)
    mae, mse, bias = intervals_of_means(quantities(error), member, resamples=resamples)
    quantiles = np.full((7, len(member)), np.nan)
    for k, inside in enumerate(member):
        ordered = np.sort(size[inside])
        if len(ordered):
            quantiles[:, k] = _quantiles(ordered)
    median, median_low, median_high, p95, p95_low, p95_high, largest = quantiles
    return {
        "mae": mae.mean,
        # An absolute error is not negative; bootstrap-t does not know that.
        "mae_low": np.maximum(mae.low, 0),
        "mae_high": mae.high,
        "rmse": np.sqrt(mse.mean),
        "rmse_low": np.sqrt(np.maximum(mse.low, 0)),
        "rmse_high": np.sqrt(mse.high),
        "mse": mse.mean,
        "median": median,
        "median_low": median_low,
        "median_high": median_high,
        "p95": p95,
        "p95_low": p95_low,
        "p95_high": p95_high,
        "bias": bias.mean,
        "bias_low": bias.low,
        "bias_high": bias.high,
        "max": largest,
    }


def _baseline(error: Floats, member: NDArray[np.bool_], resamples: Resamples) -> dict[str, Floats]:
    """The baseline's errors (n,) in every group; each (n_groups,), NaN for an empty one."""
    size = np.abs(error)
    sums = sums_by_cell(quantities(error), resamples.cell, len(resamples.first))
    with np.errstate(invalid="ignore"):
        mae, mse, bias = sums @ member[:, resamples.first].T.astype(np.float64) / member.sum(axis=1)
    return {
        "baseline_mae": mae,
        "baseline_rmse": np.sqrt(mse),
        "baseline_median": np.array([np.median(size[m]) if m.any() else np.nan for m in member]),
        "baseline_bias": bias,
    }


def _quantiles(ordered: Floats) -> list[float]:
    """Median and 95th percentile of absolute errors (n,), ascending, each with limits; then the largest."""
    n = len(ordered)
    median_limits = interval_of_quantile(ordered, 0.5)
    p95_limits = interval_of_quantile(ordered, 0.95) if n >= N_PERCENTILE else (np.nan, np.nan)
    p95 = float(np.quantile(ordered, 0.95)) if n >= N_POINTS_ONLY else np.nan
    return [float(np.median(ordered)), *median_limits, p95, *p95_limits, float(ordered[-1])]
