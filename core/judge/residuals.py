"""How errors are spread: their density against the target, and the distribution of several runs side by side.

A total energy is never an axis: its spread is that of the composition, beside which every error looks like nothing. It
is shown without its free atoms where the card has them, else without the linear fit in composition.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.distributions import bin_values
from core.data.selection import Selection
from core.errors import MollensError
from core.judge.held_out import PER, HeldOut, optimistic, unit_per
from core.judge.statistics.intervals import N_POINTS_ONLY

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

N_BINS_2D = 44
N_BINS = 60
_TAIL = 0.001
"""Share of the largest errors that may lie beyond the edges, where they would stretch them much."""
_STRETCH = 1.25
_NO_TOTALS = ("atomization_energy", "zpve")
"""energies that grow with the molecule and yet are no totals: shown as they are"""


@dataclass(frozen=True, eq=False)
class ResidualDensity:
    """How many molecules have which target and which error."""

    x_label: str
    """the target in words, without what was taken from it"""
    x_unit: str
    unit: str
    """of the error"""
    reference: str
    """what was taken from the target: "" (nothing), "free atoms" or "composition" """
    x_edges: Floats
    """(nx + 1,) of the target"""
    y_edges: Floats
    """(ny + 1,) of predicted minus target, symmetric about 0, which lies in the middle of a bin"""
    counts: Ints
    """(ny, nx) molecules"""
    n: int
    """molecules, those outside included"""
    outside: int
    """of these, how many lie beyond the edges"""
    column_n: Ints
    """(nx,) molecules of each column, whatever their error"""
    median: Floats
    """(nx,) of the error in each column; NaN below 10 molecules, as the quartiles"""
    low: Floats
    """(nx,) the lower quartile"""
    high: Floats
    """(nx,) the upper quartile"""


@dataclass(frozen=True, eq=False)
class ErrorDistribution:
    """Errors of several runs in the same bins."""

    unit: str
    signed: bool
    """predicted minus target, else its size"""
    log: bool
    """bins of equal ratio"""
    edges: Floats
    """(n_bins + 1,)"""
    counts: Ints
    """(n_runs, n_bins)"""
    share: Floats
    """(n_runs, n_bins) of all molecules of the run; those beyond the edges are missing from it"""
    cumulative: Floats
    """(n_runs, n_bins + 1) share of molecules with an error up to each edge"""
    below: Ints
    """(n_runs,) molecules below the first edge"""
    above: Ints
    """(n_runs,) molecules above the last"""
    n: Ints
    """(n_runs,)"""
    bias_median: Floats
    """(n_runs,) median of predicted minus target; NaN without molecules, as what follows"""
    median: Floats
    """(n_runs,) median of the absolute error"""
    p95: Floats
    """(n_runs,) 95th percentile of the absolute error"""


def residual_density(
    source: HeldOut, within: Mask | None = None, per: str = "molecule", n_bins: int = N_BINS_2D
) -> ResidualDensity:
    """The errors of a run over the target, in about `n_bins` bins along each axis.

    within: (n_molecules,) of the dataset, to stay within; per: "molecule", or "atom" for both axes

    Raises:
        MollensError: for errors per atom of a target that does not grow with the molecule.
    """
    scale = _scale(source, per)
    values, label, reference = _target_axis(source)
    chosen = np.isfinite(values) if within is None else np.isfinite(values) & within[source.rows]
    x, y = (values * scale)[chosen], (source.error * scale)[chosen]
    columns = bin_values(x, n_bins)
    y_edges = symmetric_edges([y], n_bins)
    nx, ny = columns.n_bins, len(y_edges) - 1
    place = np.searchsorted(y_edges, y, side="right") - 1
    inside = (place >= 0) & (place < ny) & (columns.of < nx)
    flat = place[inside] * nx + columns.of[inside]
    quartiles = np.full((3, nx), np.nan)
    column_n = np.bincount(columns.of[columns.of < nx], minlength=nx)
    for k in np.flatnonzero(column_n >= N_POINTS_ONLY):
        quartiles[:, k] = np.quantile(y[columns.of == k], [0.25, 0.5, 0.75])
    return ResidualDensity(
        x_label=label,
        x_unit=unit_per(source.target.unit, per),
        unit=unit_per(source.target.unit, per),
        reference=reference,
        x_edges=columns.edges,
        y_edges=y_edges,
        counts=np.bincount(flat, minlength=nx * ny).reshape(ny, nx),
        n=len(x),
        outside=int((~inside).sum()),
        column_n=column_n,
        low=quartiles[0],
        median=quartiles[1],
        high=quartiles[2],
    )


def _target_axis(source: HeldOut) -> tuple[Floats, str, str]:
    """(n,) target as an axis shows it, its words, and what was taken from it."""
    target, molecules = source.target, source.dataset.molecules
    if not (target.is_energy and target.extensive) or target.key in _NO_TOTALS:
        return source.target_values, target.label, ""
    atoms = source.dataset.card.atomic_energies.get(target.key, {})
    counts = molecules.element_counts[source.rows]
    present = counts.sum(axis=0) > 0
    if all(symbol in atoms for symbol, here in zip(molecules.symbols, present, strict=True) if here):
        energies = np.array([atoms.get(symbol, 0.0) for symbol in molecules.symbols])
        return source.target_values - counts @ energies, f"{target.label} minus free atoms", "free atoms"
    return source.target_values - source.baseline, f"{target.label} minus linear fit in composition", "composition"


def error_distribution(
    sources: Sequence[HeldOut],
    within: Mask | None = None,
    signed: bool = True,
    per: str = "molecule",
    n_bins: int = N_BINS,
    log: bool = False,
) -> ErrorDistribution:
    """How the errors of runs are spread, in about `n_bins` bins that they share.

    signed: predicted minus target, in bins symmetric about 0; else absolute errors, from 0 on or, with `log`, in bins
        of equal ratio

    Raises:
        MollensError: for errors per atom of a target that does not grow with the molecule, or a signed logarithm.
    """
    if signed and log:
        raise MollensError("errors with a sign have no logarithmic axis; ask for absolute errors")
    errors = []
    for source in sources:
        error = source.error * _scale(source, per)
        errors.append(error if within is None else error[within[source.rows]])
    shown = errors if signed else [np.abs(error) for error in errors]
    edges = symmetric_edges(shown, n_bins) if signed else _edges_from_zero(shown, n_bins, log)
    counts = np.stack([np.histogram(each, edges)[0] for each in shown]).astype(np.int64)
    n = np.array([len(each) for each in shown])
    ordered = [np.sort(each) for each in shown]
    up_to = np.stack([np.searchsorted(each, edges, side="right") for each in ordered])
    below = np.array([np.searchsorted(each, edges[0], side="left") for each in ordered])
    absolute = [np.abs(error) for error in errors]
    return ErrorDistribution(
        unit=unit_per(sources[0].target.unit, per) if sources else "",
        signed=signed,
        log=log,
        edges=edges,
        counts=counts,
        share=counts / np.maximum(n, 1)[:, None],
        cumulative=up_to / np.maximum(n, 1)[:, None],
        below=below,
        above=n - below - counts.sum(axis=1),
        n=n,
        bias_median=np.array([np.median(error) if len(error) else np.nan for error in errors]),
        median=np.array([np.median(size) if len(size) else np.nan for size in absolute]),
        p95=np.array([np.quantile(size, 0.95) if len(size) >= N_POINTS_ONLY else np.nan for size in absolute]),
    )


def symmetric_edges(values: Sequence[Floats], n_bins: int) -> Floats:
    """Round edges of an odd number of bins, about `n_bins`, with 0 in the middle of one, for all of several samples."""
    step = _round_step(2 * _reach(values) / n_bins)
    k = max(1, math.ceil(_reach(values) / step - 0.5))
    return np.asarray((np.arange(-k, k + 2) - 0.5) * step)


def _edges_from_zero(sizes: Sequence[Floats], n_bins: int, log: bool) -> Floats:
    reach = _reach(sizes)
    if not log:
        step = _round_step(reach / n_bins)
        return np.asarray(np.arange(max(1, math.ceil(reach / step - 1e-9)) + 1) * step)
    positive = [size[size > 0] for size in sizes if (size > 0).any()]
    lowest = min((float(np.quantile(size, _TAIL)) for size in positive), default=reach / 10)
    return np.geomspace(min(lowest, reach / 2), reach, n_bins + 1)


def _reach(values: Sequence[Floats]) -> float:
    """Size of the errors that the edges hold: of every sample all, or all but the largest where these stretch much."""
    found = 0.0
    for each in values:
        if len(each):
            size = np.abs(each)
            inner, largest = float(np.quantile(size, 1 - _TAIL)), float(size.max())
            found = max(found, largest if largest <= _STRETCH * inner else inner)
    return found if found > 0 else 1.0


def _round_step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw))
    return power * min((1, 2, 2.5, 5, 10), key=lambda factor: abs(math.log(factor * power / raw)))


def _scale(source: HeldOut, per: str) -> Floats:
    """(n,) factor on target and error: 1, or one over the number of atoms."""
    if per not in PER:
        raise MollensError(f"errors per {per!r} are not known; known are {', '.join(PER)}")
    if per == "atom" and not source.target.extensive:
        raise MollensError(
            f"run {source.run.name}: {source.target.label} does not grow with the molecule, so an error per atom "
            "has no meaning; use errors per molecule"
        )
    return 1.0 / source.sizes if per == "atom" else np.ones(len(source.rows))


def residuals_report(
    sources: Sequence[HeldOut],
    within: Selection | None = None,
    per: str = "molecule",
    signed: bool = True,
    n_bins: int = N_BINS_2D,
) -> dict[str, Any]:
    """Density of the first run and distribution of all as `residuals --json` prints them.

    Raises:
        MollensError: as `residual_density`.
    """
    first = sources[0]
    inside = within.mask(first.dataset) if within else None
    density = residual_density(first, inside, per, n_bins)
    spread = error_distribution(sources, inside, signed, per, n_bins)
    return {
        "run": first.run.name,
        "dataset": first.dataset.name,
        "target": first.target.key,
        "split": first.run.split_name,
        "part": first.part,
        "per": per,
        "where": within.where() if within else [],
        "unit": density.unit,
        "warnings": optimistic([source.run for source in sources], first.dataset),
        "n": density.n,
        "density": {
            "x_label": density.x_label,
            "x_unit": density.x_unit,
            "reference": density.reference,
            "x_edges": density.x_edges.tolist(),
            "y_edges": density.y_edges.tolist(),
            "counts": density.counts.tolist(),
            "outside": density.outside,
            "column_n": density.column_n.tolist(),
            **{name: _numbers(getattr(density, name)) for name in ("low", "median", "high")},
        },
        "distribution": {
            "signed": spread.signed,
            "edges": spread.edges.tolist(),
            "runs": [
                {
                    "run": source.run.name,
                    "n": int(spread.n[k]),
                    "counts": spread.counts[k].tolist(),
                    "share": spread.share[k].tolist(),
                    "cumulative": spread.cumulative[k].tolist(),
                    "below": int(spread.below[k]),
                    "above": int(spread.above[k]),
                    **{name: _numbers([getattr(spread, name)[k]])[0] for name in ("bias_median", "median", "p95")},
                }
                for k, source in enumerate(sources)
            ],
        },
    }


def _numbers(values: Sequence[float] | Floats) -> list[float | None]:
    """Numbers as JSON takes them: null for what is none."""
    return [float(v) if np.isfinite(v) else None for v in values]
