"""Measures of many runs in many groups: sums over cells of molecules, and one product with the resampling weights."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.judge.statistics.cell_sums import MOST_BYTES, bytes_of_sums, cell_sums, digest
from core.judge.statistics.intervals import N_LARGE, N_POINTS_ONLY, Intervals, means_of_cells
from core.judge.statistics.quantiles import divided, quantiles_of_groups
from core.judge.statistics.ratios import log_ratio_estimates, ratios_of_cells
from core.judge.statistics.resampling import N_RESAMPLES, group_totals, sums_by_cell
from core.judge.statistics.simultaneous import Estimates, mean_estimates, simultaneous

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Columns = dict[str, Floats]


class Lines:
    """Quantities that are to be resampled."""

    def __init__(self) -> None:
        self.values: list[Floats] = []
        """(n,) each"""
        self.names: list[Hashable] = []
        """equal for equal ones"""
        self.powers: list[int] = []
        """with which each grows with the errors"""

    def add(self, name: Hashable, values: Floats, power: int) -> int:
        """Where a quantity stands; it is put there the first time."""
        if name not in self.names:
            self.names.append(name)
            self.values.append(values)
            self.powers.append(power)
        return self.names.index(name)


@dataclass(frozen=True, eq=False)
class Stack:
    """Errors of several runs on the same molecules, and the groups that these are in."""

    errors: Floats
    """(n_runs, n) predicted minus target"""
    baselines: Floats
    """(n_runs, n) baseline minus target"""
    cell: NDArray[np.integer]
    """(n,) cell of each molecule"""
    cells: Mask
    """(n_groups, n_cells) which cells make up each group"""
    places: Ints
    """(n,) ascending, where the molecules stand in the set that the weights of resampling belong to"""
    n_all: int
    """molecules of that set"""
    seed: int
    key: Hashable = None
    """the same for stacks of the same molecules in the same cells, whatever their groups; None if none is to come"""
    names: Sequence[tuple[Hashable, Hashable]] = ()
    """of the error and of the baseline of each run before `factor`, equal for equal ones; by default from the values"""
    factor: Floats | None = None
    """(n_cells,) what all errors of a cell have been multiplied with, such as one over its number of atoms"""

    @cached_property
    def n(self) -> Ints:
        """(n_groups,) molecules"""
        return np.asarray(self.cells @ np.bincount(self.cell, minlength=self.cells.shape[1]))

    @cached_property
    def compact(self) -> tuple[Ints, Mask]:
        """Cell of each molecule and cells of each group, without the cells that are empty."""
        counts = np.bincount(self.cell, minlength=self.cells.shape[1])
        number = np.cumsum(counts > 0) - 1
        return number[self.cell], self.cells[:, counts > 0]

    @cached_property
    def distinct_baselines(self) -> tuple[Floats, list[int]]:
        """(n_baselines, n) every baseline once, and which of them each run has; trained on the same they have one."""
        kept: list[Floats] = []
        which = []
        for line in self.baselines:
            found = next((k for k, other in enumerate(kept) if np.array_equal(line, other, equal_nan=True)), len(kept))
            which.append(found)
            if found == len(kept):
                kept.append(line)
        return np.stack(kept), which

    @cached_property
    def known_as(self) -> Sequence[tuple[Hashable, Hashable]]:
        """Names of the error and of the baseline of each run."""
        return self.names or [(digest(a), digest(b)) for a, b in zip(self.errors, self.baselines, strict=True)]

    def totals(self, lines: Lines, groups: Ints) -> NDArray[np.float32]:
        """(n_quantities + 1, n_groups, n_resamples) of `groups`: sums of values and of ones in every resample."""
        cell, cells = self.compact
        if self.key is None or bytes_of_sums(len(lines.values), cells.shape[1]) > MOST_BYTES:
            return group_totals(np.stack(lines.values), cell, cells[groups], self.seed, self.places, self.n_all)
        of_group = cells[groups].astype(np.float32)
        weights = {0: of_group}
        factor = None if self.factor is None else self.factor[np.unique(self.cell)]

        def plain(wanted: list[int]) -> Floats:
            values = np.stack([lines.values[k] for k in wanted]) if wanted else np.zeros((0, len(cell)))
            if factor is not None:
                values /= np.stack([factor ** lines.powers[k] for k in wanted])[:, cell] if wanted else 1.0
            return values

        sums = cell_sums(self.key, lines.names, plain, cell, self.seed, self.places, self.n_all)
        totals = np.empty((len(sums), len(groups), N_RESAMPLES), dtype=np.float32)
        for line, power, total in zip(sums, [*lines.powers, 0], totals, strict=True):
            if power not in weights:
                weights[power] = of_group if factor is None else (of_group * factor**power).astype(np.float32)
            np.matmul(weights[power], line, out=total)
        return totals

    def sums(self, values: Floats) -> Floats:
        """(n_quantities, n_groups) sums of values over the molecules as they are."""
        cell, cells = self.compact
        return sums_by_cell(values, cell, cells.shape[1]) @ cells.T.astype(np.float64)

    @cached_property
    def members(self) -> list[Ints]:
        """Places of each group's molecules."""
        cell, cells = self.compact
        return [np.flatnonzero(inside[cell]) for inside in cells]


def measured(stack: Stack, relative: str | None = None, together: bool = False) -> list[Columns]:
    """For each run all measures of its errors in every group with limits, (n_groups,) each; NaN where not allowed.

    relative: "baseline" divides each by the same measure of the baseline
    together: also limits that hold for all groups at once
    """
    as_ratio = relative is not None
    columns = _ratios(stack, together) if as_ratio else _means(stack, together)
    own = quantiles_of_groups(np.abs(stack.errors), stack.members, as_ratio, together)
    distinct, which = stack.distinct_baselines
    baseline = quantiles_of_groups(np.abs(distinct), stack.members, as_ratio, together and as_ratio)
    fits = _fits(stack, distinct)
    for found, line, k in zip(columns, own, which, strict=True):
        found.update(divided(line, baseline[k]) if as_ratio else line)
        found.update({name: values[k] for name, values in fits.items()})
        found["baseline_median"] = baseline[k]["median"]
    return [_in_order(found) for found in columns]


def _in_order(found: Columns) -> Columns:
    order = []
    for name in ("mae", "rmse", "mse", "median", "p95", "bias", "max"):
        order += [name + end for end in ("", "_low", "_high", "_low_all", "_high_all")]
    order += [f"baseline_{name}" for name in ("mae", "rmse", "mse", "median", "bias")]
    return {name: found[name] for name in order if name in found}


def _fits(stack: Stack, errors: Floats) -> Columns:
    """Errors of baselines (n_baselines, n) by group, (n_baselines, n_groups) each."""
    k = len(errors)
    values = np.concatenate([np.abs(errors), errors**2, errors])
    with np.errstate(invalid="ignore", divide="ignore"):
        means = stack.sums(values) / stack.n
    return {
        "baseline_mae": means[:k],
        "baseline_mse": means[k : 2 * k],
        "baseline_rmse": np.sqrt(means[k : 2 * k]),
        "baseline_bias": means[2 * k :],
    }


def _means(stack: Stack, together: bool) -> list[Columns]:
    size, square = np.abs(stack.errors), stack.errors**2
    k = len(size)
    values = np.concatenate([size, square, stack.errors])
    judged = np.flatnonzero(stack.n >= (N_POINTS_ONLY if together else N_LARGE))
    lines = np.concatenate([values, square**2]) if together else values
    quantities = Lines()
    at = [
        quantities.add((name, sign, power), lines[place * k + run], power)
        for place, (sign, power) in enumerate((("", 1), ("", 2), ("signed", 1), ("", 4))[: len(lines) // k])
        for run, (name, _) in enumerate(stack.known_as)
    ]
    drawn = stack.totals(quantities, judged)
    if len(quantities.values) < len(lines):  # of runs with the same errors
        drawn = drawn[[*at, -1]]
    of_large = np.flatnonzero(stack.n[judged] >= N_LARGE)
    with np.errstate(invalid="ignore", divide="ignore"):
        replicates = drawn[: 3 * k, of_large] / drawn[-1, of_large]
    found = means_of_cells(values, *stack.compact, replicates)
    columns = [_averages(*(found[place + j * k] for j in range(3))) for place in range(k)]
    if together:
        whole = np.concatenate([stack.sums(lines)[:, judged], stack.n[judged][None].astype(np.float64)])
        for place, line in enumerate(columns):
            for j, (name, squared) in enumerate((("mae", 1), ("mse", 3), ("bias", 1))):
                picked = [j * k + place, squared * k + place, -1]
                limits = _spread(stack, judged, mean_estimates(whole[picked], drawn[picked]))
                line[f"{name}_low_all"], line[f"{name}_high_all"] = limits
            _finish(line, "_all")
    return columns


def _averages(mae: Intervals, mse: Intervals, bias: Intervals) -> Columns:
    columns: Columns = {}
    for name, found in (("mae", mae), ("mse", mse), ("bias", bias)):
        columns |= {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
    columns["rmse"] = np.sqrt(mse.mean)
    _finish(columns)
    return columns


def _finish(columns: Columns, kind: str = "") -> None:
    """No negative limit of what is not negative, which bootstrap-t does not know; the rmse is the root of the mse."""
    for name in ("mae", "mse"):
        columns[f"{name}_low{kind}"] = np.maximum(columns[f"{name}_low{kind}"], 0.0)
    for end in ("low", "high"):
        columns[f"rmse_{end}{kind}"] = np.sqrt(columns[f"mse_{end}{kind}"])


def _spread(stack: Stack, judged: Ints, estimates: Estimates) -> tuple[Floats, Floats]:
    """Simultaneous limits of the groups `judged` among all groups."""
    found = simultaneous(estimates)
    low, high = np.full(len(stack.n), np.nan), np.full(len(stack.n), np.nan)
    low[judged], high[judged] = found.low, found.high
    return low, high


def _ratios(stack: Stack, together: bool) -> list[Columns]:
    """Ratios of the mean absolute and mean squared errors to those of the baseline."""
    distinct, which = stack.distinct_baselines
    lines = Lines()
    pairs: dict[tuple[int, str], tuple[int, ...]] = {}
    for run, (error, fit) in enumerate(zip(stack.errors, which, strict=True)):
        x, y = np.abs(error), np.abs(distinct[fit])
        own, base = stack.known_as[run][0], stack.known_as[which.index(fit)][1]
        for name, power in (("mae", 1), ("mse", 2)):
            a, b = x**power, y**power
            needed = [lines.add((own, "", power), a, power), lines.add((base, "", power), b, power)]
            if together:
                needed.append(lines.add((own, "", 2 * power), a**2, 2 * power))
                needed.append(lines.add((own, base, 2 * power), a * b, 2 * power))
                needed.append(lines.add((base, "", 2 * power), b**2, 2 * power))
            pairs[run, name] = tuple(needed)
    values = np.stack(lines.values)
    judged = np.flatnonzero(stack.n >= (N_POINTS_ONLY if together else N_LARGE))
    of_large = np.flatnonzero(stack.n[judged] >= N_LARGE)
    drawn = stack.totals(lines, judged)
    above, below = (values[[places[k] for places in pairs.values()]] for k in (0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        one, other = ([places[k] for places in pairs.values()] for k in (0, 1))
        replicates = drawn[one][:, of_large] / drawn[other][:, of_large]
    found = ratios_of_cells(above, below, *stack.compact, replicates)
    nothing = np.full(len(stack.n), np.nan)
    columns: list[Columns] = [{"bias": nothing, "bias_low": nothing, "bias_high": nothing} for _ in stack.errors]
    for k, (run, name) in enumerate(pairs):
        columns[run] |= {name: found.value[k], f"{name}_low": found.low[k], f"{name}_high": found.high[k]}
    for line in columns:
        line["rmse"] = np.sqrt(line["mse"])
        _finish(line)
    if together:
        whole = np.concatenate([stack.sums(values)[:, judged], stack.n[judged][None].astype(np.float64)])
        for (run, name), places in pairs.items():
            wanted = [*places, -1]
            low, high = _spread(stack, judged, log_ratio_estimates(stack.n[judged], whole[wanted], drawn[wanted]))
            columns[run] |= {f"{name}_low_all": np.exp(low), f"{name}_high_all": np.exp(high)}
        for line in columns:
            line |= {"bias_low_all": nothing, "bias_high_all": nothing}
            _finish(line, "_all")
    return columns
