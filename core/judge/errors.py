"""Held-out errors of runs, by any group of molecules."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.data.balance import is_common
from core.data.cells import cells_of
from core.data.selection import Selection
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.grouping.divisions import Division, division_of
from core.judge.grouping.groupings import Grouping
from core.judge.grouping.groups import Group
from core.judge.held_out import PER, HeldOut, held_out, optimistic, shared_held_out
from core.judge.measures import WITH_LIMITS, check_measure, check_relative, measure_unit
from core.judge.statistics.cell_sums import digest
from core.judge.statistics.intervals import kind_of_interval
from core.judge.statistics.resampling import seed_of
from core.judge.tables import Stack, measured
from core.runs.folder import Run

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
By = str | Grouping | Sequence[Group]


def group_errors(
    run: Run,
    dataset: Dataset,
    by: By = "size",
    split: str = "test",
    per: str = "molecule",
    only: Ints | None = None,
    within: Mask | None = None,
    relative: str | None = None,
    simultaneous: bool = False,
) -> pl.DataFrame:
    """Errors of a run on held-out molecules, one row per group.

    by: a name of `groupings_of`, filters such as "where:size=17-19;element=F", or "rare:100" (sizes with fewer training
        molecules than that); of a grouping that is named, groups without any molecule are left out. Or groups.
    split: "test" or "validation", the part of the run's split
    per: "molecule", or "atom" for errors divided by the number of atoms (extensive targets only)
    only: ids to stay within, see `shared_held_out`
    within: (n_molecules,) of the dataset; held-out, training and all molecules are those inside
    relative: "baseline" for the ratio of every measure to that of the baseline on the same molecules
    simultaneous: also limits that hold for all groups of the table at once

    Columns: group, label, lowest and highest (of what orders the groups, such as atoms), element, where (the group as
    filters joined by ";"), n_held_out, n_train, share (of all molecules), common (at least 1 %), interval ("none",
    "bootstrap-t", "bca"); mae, rmse, mse (unit squared), median, p95, bias each with _low and _high (95 %) and, asked
    for, _low_all and _high_all; max; baseline_mae, baseline_rmse, baseline_mse, baseline_median, baseline_bias, which
    are never relative. Values are in the target's unit, bias is predicted minus target and has no ratio. Null where the
    number of molecules allows no value or no interval.

    Raises:
        MollensError: see `held_out`; for an unknown grouping; or for "atom" with an intensive target.
    """
    return errors_of(held_out(run, dataset, split, only), by, per, within, relative, simultaneous)


def errors_of(
    source: HeldOut,
    by: By = "size",
    per: str = "molecule",
    within: Mask | None = None,
    relative: str | None = None,
    simultaneous: bool = False,
) -> pl.DataFrame:
    """The table of `group_errors` for held-out molecules that are already at hand."""
    return errors_of_all([source], by, per, within, relative, simultaneous)[0]


def errors_of_all(
    sources: Sequence[HeldOut],
    by: By = "size",
    per: str = "molecule",
    within: Mask | None = None,
    relative: str | None = None,
    simultaneous: bool = False,
) -> list[pl.DataFrame]:
    """The tables of several runs, each as `errors_of` gives it, but in one go for all that share their molecules."""
    check_relative(relative)
    scales = [_scale(source, per) for source in sources]
    divisions = [_division(source, by, within) for source in sources]
    cells = cells_of(sources[0].dataset.molecules) if sources else None
    alike: dict[tuple[int, int], list[int]] = {}
    for k, source in enumerate(sources):
        alike.setdefault((seed_of(source.ids), id(divisions[k])), []).append(k)
    tables: dict[int, pl.DataFrame] = {}
    for (seed, _), members in alike.items():
        first, division = sources[members[0]], divisions[members[0]]
        # groups of sizes and elements are looked at by turns, and all of them are made of the same cells
        known = cells if cells is not None and division.of is cells.of else None
        whole = None if within is None or known is None else known.inside(within)
        of_groups = division.cells if whole is None else division.cells & whole
        limited = within is not None and whole is None
        places = np.flatnonzero(within[first.rows]) if within is not None and limited else np.arange(len(first.rows))
        stack = Stack(
            errors=np.stack([(sources[k].error * scales[k])[places] for k in members]),
            baselines=np.stack([(sources[k].baseline_error * scales[k])[places] for k in members]),
            cell=np.asarray(division.of[first.rows[places]]),
            cells=of_groups,
            places=places,
            n_all=len(first.rows),
            seed=seed,
            # spreads of few molecules are small differences of sums: not to be had from sums of another quantity
            key=None if known is None or simultaneous else (seed, known, digest(places) if limited else None),
            names=[sources[k].names for k in members],
            factor=1.0 / known.sizes if known is not None and per == "atom" else None,
        )
        for k, columns in zip(members, measured(stack, relative, simultaneous), strict=True):
            tables[k] = _table(sources[k], division, within, stack.n, columns)
    return [tables[k] for k in range(len(sources))]


def _division(source: HeldOut, by: By, within: Mask | None) -> Division:
    inside = source.all_rows if within is None else source.all_rows[within[source.all_rows]]
    return division_of(source.dataset, by, inside, source.train_rows)


def _table(
    source: HeldOut, division: Division, within: Mask | None, n_held_out: Ints, columns: dict[str, Any]
) -> pl.DataFrame:
    train, everything = source.train_rows, source.all_rows
    if within is not None:
        train, everything = train[within[train]], everything[within[everything]]
    n_all = division.counts(everything)
    counted = {
        "n_held_out": n_held_out,
        "n_train": division.counts(train),
        "share": n_all / max(len(everything), 1),
        "common": is_common(n_all, len(everything)),
        "interval": [kind_of_interval(int(n)) for n in n_held_out],
    }
    schema = {"interval": pl.String}
    found = division.names.hstack(pl.DataFrame({**counted, **columns}, schema_overrides=schema))
    return found.with_columns(pl.col(pl.Float64).fill_nan(None))


def report(
    run: Run,
    dataset: Dataset,
    by: By = "size",
    measure: str = "mae",
    split: str = "test",
    per: str = "molecule",
    others: Sequence[Run] = (),
    within: Selection | None = None,
    relative: str | None = None,
    simultaneous: bool = False,
) -> dict[str, Any]:
    """Held-out errors as `report --json` prints them; groups without held-out molecules are left out.

    Every group and the whole carry the measure with its interval, e.g. "median", "median_low", "median_high"; "unit" is
    that of mae and rmse, "measure_unit" that of the measure. The baseline's MAE is never relative.
    others: stay within the molecules that these runs have not seen either, see `shared_held_out`
    within: only such molecules, held out or of training

    Raises:
        MollensError: as `group_errors`, or for an unknown measure.
    """
    check_measure(measure, relative)
    only = shared_held_out([run, *others], dataset, split) if others else None
    source = held_out(run, dataset, split, only)
    if relative is not None and not np.isfinite(source.baseline).any():
        raise MollensError(
            f"run {run.name}: has no baseline, as it is not known which molecules it was trained on; ask for errors "
            "that are not relative"
        )
    inside = within.mask(dataset) if within else None
    options: dict[str, Any] = {"per": per, "within": inside, "relative": relative}
    total = errors_of(source, (Group("all"),), **options).row(0, named=True)
    table = errors_of(source, by, **options, simultaneous=simultaneous).filter(pl.col("n_held_out") > 0)
    limits = [f"{measure}_{end}" for end in ("low", "high")] if measure in WITH_LIMITS else []
    together = [f"{limit}_all" for limit in limits] if simultaneous else []
    whole = dict.fromkeys(["mae", "rmse", "baseline_mae", measure, *limits])
    always = ["group", "label", "where", "n_held_out", "n_train", "mae", "mae_low", "mae_high", "rmse"]
    keys = dict.fromkeys([*always, measure, *limits, *together])
    return {
        "run": run.name,
        "dataset": dataset.name,
        "target": source.target.key,
        "split": run.split_name,
        "part": split,
        "per": per,
        "where": within.where() if within else [],
        "relative": relative,
        "unit": measure_unit(source.target.unit, "mae", per, relative),
        "measure": measure,
        "measure_unit": measure_unit(source.target.unit, measure, per, relative),
        "baseline_unit": measure_unit(source.target.unit, "mae", per),
        "warnings": optimistic([run], dataset),
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
