"""H2: are molecules with a rarely seen element predicted worse than like molecules without it?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from core.data.molecules import NUMBERS
from core.judge.convergence import convergence
from core.judge.findings import Answer, Finding, answer
from core.judge.groupings import unsaturation
from core.judge.held_out import HeldOut
from core.judge.intervals import LEVEL, N_LARGE
from core.judge.regression import fit_robust, smooth_columns
from core.judge.wording import provisional

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

ALMOST_ALL = 0.9
"""An element in a larger share of the molecules is part of nearly all: there is nothing to compare with."""
MOST_INFLATION = 10.0
"""Beyond this variance inflation an element cannot be told from size and unsaturation."""
LEAST_MATCHED = 30
_CONFOUNDER = "size and unsaturation, held fixed; what else comes with the element is not"


@dataclass(frozen=True)
class ElementEffect:
    """How many times the error of molecules is that of like ones without the element (geometric means)."""

    element: str
    n_held_out: int
    """molecules that contain it"""
    n_train: int
    times: float | None = None
    low: float | None = None
    high: float | None = None
    inflation: float | None = None
    """variance inflation of "contains it" """


def rare_elements(source: HeldOut) -> Finding:
    """Regression of log|error| on which elements a molecule contains, and a comparison of matched molecules.

    Besides one column for each element, the regression holds a smooth function of the number of heavy atoms and the
    degree of unsaturation; standard errors are HC3, and the intervals of all elements hold at once (Bonferroni). The
    answer is about the element that the fewest training molecules contain: it is supported, or contradicted, only if
    the regression and the matched molecules (same number of heavy atoms, unsaturation and other elements) both say so.
    An element in fewer than 50 held-out molecules, or in all but 50, gives no answer.
    """
    run, molecules = source.run, source.dataset.molecules
    log_error = _log(source.error)
    names = [s for s in molecules.symbols if 0 < _share(source, s) <= ALMOST_ALL]
    if not names:
        return Finding("H2", (run,), "not enough data", "Not enough data: every element is in nearly all molecules.")
    contains = {s: molecules.contains(NUMBERS[s])[source.rows] for s in names}
    n_train = {s: int(molecules.contains(NUMBERS[s])[source.train_rows].sum()) for s in names}
    rarest = min(names, key=lambda s: (n_train[s], s))
    asked = [s for s in names if N_LARGE <= contains[s].sum() <= len(log_error) - N_LARGE]
    kept = np.ones(len(log_error), dtype=bool)
    for s in set(names) - set(asked):
        kept &= ~contains[s] if contains[s].sum() < N_LARGE else contains[s]
    effects = _regression(source, log_error, contains, asked, kept, n_train)
    by_name = {effect.element: effect for effect in effects}
    few = [ElementEffect(s, int(contains[s].sum()), n_train[s]) for s in names if s not in by_name]
    details: dict[str, Any] = {"rarest": rarest, "elements": [vars(effect) for effect in [*effects, *few]]}
    held = tuple(provisional([(run.name, (convergence(run).state,))]))
    if rarest not in by_name:
        n = int(contains[rarest].sum())
        return Finding(
            "H2", (run,), "not enough data",
            f"Not enough data: {n} held-out molecule{'s contain' if n != 1 else ' contains'} {rarest}, the rarest "
            f"element; at least {N_LARGE} are needed.{_others(effects)}",
            n=n, n_of=f"molecules with {rarest}", provisional=held, details=details,
        )  # fmt: skip
    effect = by_name[rarest]
    matched = _matched(source, log_error, rarest)
    details["matched"] = matched
    state, words = _judged(effect, matched)
    return Finding(
        "H2", (run,), state, words + _others([e for e in effects if e.element != rarest]),
        statistic=f"times the error of like molecules without {rarest}",
        effect=effect.times, low=effect.low, high=effect.high, n=effect.n_held_out,
        n_of=f"molecules with {rarest}", confounder=_CONFOUNDER, provisional=held, details=details,
    )  # fmt: skip


def _log(error: Floats) -> Floats:
    """log|error|; an error of 0 counts as a thousandth of the median."""
    size = np.abs(error)
    return np.log(np.maximum(size, max(1e-3 * float(np.median(size)), 1e-12)))


def _share(source: HeldOut, symbol: str) -> float:
    return float(source.dataset.molecules.contains(NUMBERS[symbol])[source.all_rows].mean())


def _regression(
    source: HeldOut, log_error: Floats, contains: dict[str, Mask], asked: list[str], kept: Mask, n_train: dict[str, int]
) -> list[ElementEffect]:
    if not asked or kept.sum() < 2 * N_LARGE:
        return []
    molecules, rows = source.dataset.molecules, source.rows[kept]
    columns = np.column_stack(
        [
            np.ones(len(rows)),
            *(contains[s][kept].astype(float) for s in asked),
            smooth_columns(molecules.heavy_atoms[rows].astype(float)),
            smooth_columns(unsaturation(molecules)[rows], n_knots=2),
        ]
    )
    fit = fit_robust(columns, log_error[kept])
    t = float(-stdtrit(fit.freedom, (1 - LEVEL) / 2 / len(asked)))
    found = []
    for k, s in enumerate(asked, start=1):
        value, reach = float(fit.coefficients[k]), t * float(fit.errors[k])
        inflation = float(fit.inflation[k]) if np.isfinite(fit.inflation[k]) else None
        effect = ElementEffect(s, int(contains[s].sum()), n_train[s], inflation=inflation)
        if np.isfinite(value):
            low, times, high = (float(number) for number in np.exp([value - reach, value, value + reach]))
            effect = replace(effect, times=times, low=low, high=high)
        found.append(effect)
    return found


def _matched(source: HeldOut, log_error: Floats, symbol: str) -> dict[str, Any]:
    """Molecules with the element against those without it that are alike: how many times the error, with interval."""
    molecules, rows = source.dataset.molecules, source.rows
    inside = molecules.contains(NUMBERS[symbol])[rows]
    others = [
        molecules.contains(z)[rows] for z, s in zip(molecules.elements, molecules.symbols, strict=True) if s != symbol
    ]
    kinds = np.column_stack([molecules.heavy_atoms[rows], np.floor(unsaturation(molecules)[rows]), *others])
    stratum = np.unique(kinds.astype(np.int64), axis=0, return_inverse=True)[1].ravel()
    n_strata = int(stratum.max()) + 1
    n_in, n_out = (np.bincount(stratum[side], minlength=n_strata) for side in (inside, ~inside))
    both = (n_in > 0) & (n_out > 0)
    n = int(n_in[both].sum())
    found: dict[str, Any] = {"n": n, "of": int(inside.sum()), "n_without": int(n_out[both].sum())}
    variances = []
    sums = []
    for side, counts in ((inside, n_in), (~inside, n_out)):
        mean = np.bincount(stratum[side], log_error[side], n_strata) / np.maximum(counts, 1)
        left = ((log_error[side] - mean[stratum[side]]) ** 2)[both[stratum[side]]]
        freedom = int(counts[both].sum() - both.sum())
        variances.append((left.sum() / freedom if freedom > 0 else np.nan, freedom))
        sums.append(mean)
    if n < LEAST_MATCHED or min(freedom for _, freedom in variances) < LEAST_MATCHED // 2:
        return found | {"times": None, "low": None, "high": None}
    share = n_in[both] / n
    value = float((share * (sums[0] - sums[1])[both]).sum())
    variance = float((share**2 * (variances[0][0] / n_in[both] + variances[1][0] / n_out[both])).sum())
    reach = float(-stdtrit(min(freedom for _, freedom in variances), (1 - LEVEL) / 2)) * np.sqrt(variance)
    return found | {
        "times": float(np.exp(value)),
        "low": float(np.exp(value - reach)),
        "high": float(np.exp(value + reach)),
    }


def _judged(effect: ElementEffect, matched: dict[str, Any]) -> tuple[Answer, str]:
    s = effect.element
    if effect.times is None or effect.low is None or effect.high is None or (effect.inflation or 0) > MOST_INFLATION:
        inflation = "infinite" if effect.inflation is None else f"{effect.inflation:.1f}"
        return "undecided", (
            f"Undecided: {s} cannot be told from size and unsaturation here (variance inflation {inflation})."
        )
    by_fit = answer(float(np.log(effect.low)), float(np.log(effect.high)), "above")
    told = (
        f"molecules with {s} have {_times(effect.times, effect.low, effect.high)} the error of like molecules without"
    )
    if matched["times"] is None:
        return "undecided", (
            f"Undecided: by the regression {told} (n = {effect.n_held_out}), but only {matched['n']} of "
            f"{matched['of']} have a match of the same size, unsaturation and other elements."
        )
    by_match = answer(float(np.log(matched["low"])), float(np.log(matched["high"])), "above")
    also = f"matched ones {_times(matched['times'], matched['low'], matched['high'])} (n = {matched['n']})"
    state: Answer = by_fit if by_fit == by_match else "undecided"
    head = {"undecided": "Undecided: ", "supported": "", "contradicted": ""}[state]
    text = f"{head}{told} (n = {effect.n_held_out}, variance inflation {effect.inflation:.1f}); {also}."
    return state, text[0].upper() + text[1:]


def _times(value: float, low: float, high: float) -> str:
    return f"{value:.2f} times ({low:.2f} to {high:.2f})"


def _others(effects: list[ElementEffect]) -> str:
    told = [
        f"{e.element} {e.times:.2f} ({e.low:.2f} to {e.high:.2f})"
        for e in effects
        if e.times is not None and e.low is not None and e.high is not None
    ]
    return f" Of the others, times the error without: {', '.join(told)}." if told else ""
