"""Many runs in one table: a row per recipe with all its seeds, what differs between recipes, errors and costs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.data.molecules import NUMBERS
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.comparing.pairing import targets_converted
from core.judge.comparing.recipes_compared import by_recipe, differing_fields
from core.judge.comparing.seed_errors import TABLE_MEASURES, errors_of_seeds, limits_of_single
from core.judge.comparing.training_facts import TrainingFacts, trained_on, training_facts
from core.judge.convergence import State
from core.judge.grouping.filters import WHERE
from core.judge.grouping.groupings import open_grouping
from core.judge.grouping.groups import parse_group
from core.judge.held_out import HeldOut, common_ids, held_out, split_known, unit_per
from core.runs.folder import Run

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

MOST_POINTS = 60
"""Points of a sparkline."""
_RARE_ELEMENT = 0.1
"""Elements in a smaller share of the molecules have a column of their own."""


@dataclass(frozen=True)
class TableGroup:
    """A group of molecules with a column of its own."""

    key: str
    """as it was asked for: "rare", "with F", "17-19", "where:..." """
    label: str
    n: int
    """molecules that the column rests on, where all rows share them; else of the dataset"""


@dataclass(frozen=True, eq=False)
class RunsTable:
    """One row per recipe; see `runs_table` for the columns."""

    dataset: Dataset
    part: str
    measure: str
    per: str
    unit: str
    """of all errors but the mean square"""
    mse_unit: str
    frame: pl.DataFrame
    recipe_fields: list[str]
    """fields that differ between the recipes; columns "recipe.<name>" """
    groups: list[TableGroup]
    n_shared: int
    """held-out molecules that all rows share; 0 if there are none, and each row has its own"""
    notes: list[str] = field(default_factory=list)
    """what has to be read with the table, a sentence each"""


def runs_table(
    runs: Sequence[Run],
    dataset: Dataset,
    part: str = "test",
    measure: str = "mae",
    per: str = "molecule",
    groups: Sequence[str] | None = None,
) -> RunsTable:
    """Errors and costs of runs, the seeds of a recipe in one row, on the held-out molecules that all of them share.

    Shared are the molecules that no run has seen, copies included. A run that cannot share them, because its target or
    its test molecules are others, stands with those of its own (column `own`), and one without errors, or with
    errors in another unit than those of the first, with none.

    groups: those with a column: "rare" (sizes with less than 1 % of the dataset), "with F", a size "17" or "17-19", or
        filters "where:..."; by default "rare" and every element in less than 10 % of the molecules

    Columns: key, name, runs, names, seeds, n_seeds, origin, model, dataset, trained_on, n_train, known (whether it is
    known what the runs have seen), n, own_n, own; error, error_low, error_high, error_spread (of `measure`), mae,
    mae_spread, rmse, mse (unit squared), mse_spread, baseline_mae; group.<key> and group.<key>.spread; parameters,
    epochs, steps, train_seconds, validation_seconds, molecules_per_second (means over seeds), convergence (the worst of
    the seeds), not_converged (how many seeds), curve (log10 of the validation MAE, at most 60 points);
    recipe.<field>. A spread is the standard deviation over seeds, null for one seed. The interval is over molecules for
    one seed, over seeds and molecules for 3 or more, and null between. Of two runs of one seed the first is taken.

    Raises:
        MollensError: for no run, an unknown measure or group, or errors per atom of a target that does not grow.
    """
    if not runs:
        raise MollensError("table: no run is named; name one or more")
    if measure not in TABLE_MEASURES:
        raise MollensError(f"measure {measure!r} is not known; known are {', '.join(TABLE_MEASURES)}")
    bench = _bench(list({run.id: run for run in runs}.values()), dataset, part)
    recipes = bench.recipes()
    asked = _groups(dataset, groups)
    differ = differing_fields([seeds[0] for seeds in recipes])
    parts = [bench.of(seeds) for seeds in recipes]
    limits = limits_of_single([(mine[0], ids) for mine, ids, _ in parts if len(mine) == 1], measure, per)
    rows = []
    for seeds, (mine, ids, own) in zip(recipes, parts, strict=True):
        rows.append(
            {
                **_names(seeds, dataset),
                **errors_of_seeds(mine, ids, measure, per, asked, limits),
                "own": own,
                **_costs([training_facts(run) for run in seeds]),
                **{f"recipe.{name}": values[seeds[0].id] for name, values in differ.items()},
            }
        )
    shared = bench.shared
    wanted = dataset.molecules.rows_of(shared) if len(shared) else np.arange(dataset.molecules.n_molecules)
    notes = [*bench.notes, *_unknown(rows)]
    unit = next((source.target.unit for source in bench.sources.values()), "")
    shown = unit_per(unit, per)
    return RunsTable(
        dataset=dataset, part=part, measure=measure, per=per, unit=shown,
        mse_unit=f"({shown})^2" if "/" in shown else f"{shown}^2",
        frame=pl.DataFrame(_even(rows), schema_overrides=_SCHEMA, infer_schema_length=None).with_columns(
            pl.col(pl.Float64).fill_nan(None)
        ),
        recipe_fields=list(differ),
        groups=[TableGroup(key, label, int(member[wanted].sum())) for key, (label, member) in asked.items()],
        n_shared=len(shared), notes=notes,
    )  # fmt: skip


_SCHEMA: dict[str, Any] = {
    "runs": pl.List(pl.String), "names": pl.List(pl.String), "seeds": pl.List(pl.Int64), "curve": pl.List(pl.Float64),
    "error": pl.Float64, "error_low": pl.Float64, "error_high": pl.Float64, "error_spread": pl.Float64,
    "mae": pl.Float64, "mae_spread": pl.Float64, "rmse": pl.Float64, "mse": pl.Float64, "mse_spread": pl.Float64,
    "baseline_mae": pl.Float64, "parameters": pl.Int64, "train_seconds": pl.Float64, "validation_seconds": pl.Float64,
    "molecules_per_second": pl.Float64,
}  # fmt: skip


def _even(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the same keys in each, in the order in which they first come."""
    keys = dict.fromkeys(key for row in sorted(rows, key=len, reverse=True) for key in row)
    return [{key: row.get(key) for key in keys} for row in rows]


def _unknown(rows: Sequence[dict[str, Any]]) -> list[str]:
    names = [str(row["name"]) for row in rows if not row["known"]]
    if not names:
        return []
    return [f"It is not known which molecules {', '.join(names)} has seen: its errors may be optimistic."]


@dataclass(frozen=True, eq=False)
class _Bench:
    """The held-out molecules of runs, and those that they share."""

    runs: Sequence[Run]
    sources: dict[str, HeldOut]
    """by id, of the runs that have errors"""
    sharing: set[str]
    """ids of those whose errors may stand beside those of the first"""
    shared: Ints
    """(n,) ids of molecules, ascending"""
    notes: list[str]

    def recipes(self) -> list[list[Run]]:
        """The seeds of each recipe, ascending: of each seed the first run with errors; of runs without, all."""
        found = []
        for seeds in by_recipe(self.runs):
            judged = [run for run in seeds if run.id in self.sources]
            first = {run.seed: run for run in reversed(judged)}
            again = [run.name for run in judged if run is not first[run.seed]]
            if again:
                self.notes.append(f"Left out, because their seed is there already: {', '.join(again)}.")
            found.append(sorted(first.values() if judged else seeds, key=lambda run: run.seed))
        return found

    def of(self, seeds: Sequence[Run]) -> tuple[list[HeldOut], Ints, bool]:
        """Errors of the seeds of a recipe, the ids they are about, and whether these are not the shared ones."""
        mine = [self.sources[run.id] for run in seeds if run.id in self.sources]
        if not mine:
            return mine, np.zeros(0, dtype=np.int64), False
        shares = len(self.shared) > 0 and all(source.run.id in self.sharing for source in mine)
        return mine, self.shared if shares else common_ids(mine), not shares


def _bench(runs: Sequence[Run], dataset: Dataset, part: str) -> _Bench:
    sources: dict[str, HeldOut] = {}
    sharing: list[HeldOut] = []
    notes: list[str] = []
    for run in runs:
        try:
            sources[run.id] = held_out(run, dataset, part)
            targets_converted([*sharing[:1], sources[run.id]])
            sharing.append(sources[run.id])
        except MollensError as error:
            notes.append(f"{error}.")
            if sharing and run.id in sources and sources[run.id].target.unit != sharing[0].target.unit:
                del sources[run.id]  # a table has one unit
    shared = common_ids(sharing)
    if sharing and not len(shared):
        notes.append("The runs have no held-out molecule in common: every row is about molecules of its own.")
    return _Bench(runs, sources, {source.run.id for source in sharing}, shared, notes)


def _groups(dataset: Dataset, asked: Sequence[str] | None) -> dict[str, tuple[str, Mask]]:
    """Label and members (n_molecules,) of each group with a column, by its key."""
    molecules = dataset.molecules
    if asked is None:
        few = [
            f"with {symbol}"
            for symbol in molecules.symbols
            if 0 < molecules.contains(NUMBERS[symbol]).mean() < _RARE_ELEMENT
        ]
        return {key: found for key in ["rare", *few] if (found := _group(dataset, key))[1].any()}
    return {key: _group(dataset, key) for key in dict.fromkeys(asked)}


def _group(dataset: Dataset, key: str) -> tuple[str, Mask]:
    if key == "rare":
        grouping = open_grouping(dataset, "rarity")
        table = grouping.table[[name == "rare" for name in grouping.names]]
        return "rare sizes", np.asarray(table.any(axis=0))
    if key.startswith(WHERE):
        grouping = open_grouping(dataset, key)
        return grouping.labels[0], grouping.table[0]
    element = key.removeprefix("with ").removeprefix("element:").strip()
    if element in NUMBERS:
        return f"with {element}", dataset.molecules.contains(NUMBERS[element])
    group = parse_group(key.removeprefix("size:").removesuffix(" atoms"), None)
    assert group is not None
    return group.label, group.members(dataset.molecules, np.arange(dataset.molecules.n_molecules))


def _names(seeds: Sequence[Run], dataset: Dataset) -> dict[str, Any]:
    first = seeds[0]
    datasets = {run.dataset_name for run in seeds}
    return {
        "key": first.id,
        "name": first.name if len(seeds) == 1 else common_name([run.name for run in seeds]),
        "runs": [run.id for run in seeds],
        "names": [run.name for run in seeds],
        "seeds": [run.seed for run in seeds],
        "n_seeds": len(seeds),
        "origin": first.origin,
        "model": str(first.recipe_values.get("model") or "unknown"),
        "dataset": ", ".join(sorted(datasets)),
        "trained_on": trained_on(first),
        "n_train": first.n_trained or None,
        "known": all(split_known(run, dataset) for run in seeds),
    }


def common_name(names: Sequence[str]) -> str:
    """What the names of the seeds of a recipe begin with: "thesis default" of "thesis default seed 0" and its like."""
    n = next((k for k, letters in enumerate(zip(*names, strict=False)) if len(set(letters)) > 1), min(map(len, names)))
    start = names[0][:n]
    words = re.sub(r"[\s,;:_-]*(\bseed)?[\s,;:_=-]*$", "", start).strip()
    return words or names[0]


_WORST: tuple[State, ...] = ("rising", "too short", "still falling", "not recorded", "no epochs", "converged")


def _costs(facts: Sequence[TrainingFacts]) -> dict[str, Any]:
    """Means over seeds; what a seed does not know is left out of them."""

    def mean(name: str) -> float | None:
        known = [value for each in facts if (value := getattr(each, name)) is not None]
        return float(np.mean(known)) if known else None

    states = [each.state for each in facts]
    sizes = {each.parameters for each in facts if each.parameters is not None}
    return {
        "parameters": max(sizes, default=None),
        "epochs": mean("epochs"), "steps": mean("steps"),
        "train_seconds": mean("train_seconds"), "validation_seconds": mean("validation_seconds"),
        "molecules_per_second": mean("molecules_per_second"),
        "convergence": next((state for state in _WORST if state in states), "no epochs"),
        "not_converged": sum(state not in ("converged", "no epochs", "not recorded") for state in states),
        "curve": _sparkline([each.curve for each in facts]),
    }  # fmt: skip


def _sparkline(curves: Sequence[Floats]) -> list[float]:
    """log10 of the mean of the curves, as far as all of them go, at few points that hold the first and the last."""
    n = min((len(curve) for curve in curves), default=0)
    if n == 0:
        return []
    mean = np.mean([curve[:n] for curve in curves], axis=0)
    places = np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).round().astype(int))
    return np.log10(np.maximum(mean[places], 1e-12)).tolist()  # type: ignore[no-any-return]
