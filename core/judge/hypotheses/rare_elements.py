"""H2: are molecules with a rarely seen element predicted worse than like molecules without it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from core.data.molecules import NUMBERS
from core.judge.comparing.recipes_compared import LEAST_SEEDS
from core.judge.comparing.seeds import Together, together, trained_molecules
from core.judge.comparing.wording import provisional
from core.judge.convergence import training_state
from core.judge.grouping.groupings import unsaturation
from core.judge.held_out import HeldOut
from core.judge.hypotheses.findings import Action, Answer, Finding, answer
from core.judge.hypotheses.rare_sizes import counts_not_known
from core.judge.statistics.intervals import LEVEL, N_LARGE
from core.judge.statistics.regression import fit_robust, smooth_columns

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


def rare_elements(sources: HeldOut | Sequence[HeldOut]) -> Finding:
    """Regression of log|error| on which elements a molecule contains, and a comparison of matched molecules.

    Besides one column for each element, the regression holds a smooth function of the number of heavy atoms and the
    degree of unsaturation; standard errors are HC3, and the intervals of all elements hold at once (Bonferroni). The
    answer is about the element that the fewest training molecules contain: it is supported, or contradicted, only if
    the regression and the matched molecules (same number of heavy atoms, unsaturation and other elements) both say so.
    An element in fewer than 50 held-out molecules, or in all but 50, gives no answer.

    sources: of one run, or of the seeds of one recipe; then log|error| is averaged over seeds molecule by molecule, and
        with 3 or more the intervals hold for other seeds too
    """
    joint = together(sources)
    first, molecules, runs = joint.sources[0], joint.sources[0].dataset.molecules, joint.runs
    log_errors = np.stack([_log(line) for line in joint.errors])
    n_all = len(joint.rows)
    about: Any = "recipes" if len(runs) >= LEAST_SEEDS else "networks"
    names = [s for s in molecules.symbols if 0 < _share(joint, s) <= ALMOST_ALL]
    if not names:
        return Finding(
            "H2", runs, "not enough data", "Not enough data: every element is in nearly all molecules.", about=about
        )
    trained = trained_molecules(first)
    if trained is None:
        return counts_not_known("H2", joint)
    contains = {s: molecules.contains(NUMBERS[s])[joint.rows] for s in names}
    n_train = {s: int(trained[0].contains(NUMBERS[s])[trained[1]].sum()) for s in names}
    rarest = min(names, key=lambda s: (n_train[s], s))
    asked = [s for s in names if N_LARGE <= contains[s].sum() <= n_all - N_LARGE]
    kept = np.ones(n_all, dtype=bool)
    for s in set(names) - set(asked):
        kept &= ~contains[s] if contains[s].sum() < N_LARGE else contains[s]
    effects = _regression(joint, log_errors, contains, asked, kept, n_train)
    by_name = {effect.element: effect for effect in effects}
    few = [ElementEffect(s, int(contains[s].sum()), n_train[s]) for s in names if s not in by_name]
    details: dict[str, Any] = {
        "rarest": rarest, "elements": [vars(effect) for effect in [*effects, *few]], "matched": None,
    }  # fmt: skip
    held = tuple(provisional([(joint.name, [training_state(run) for run in runs])]))
    common: dict[str, Any] = {
        "about": about,
        "provisional": held,
        "details": details,
        "n_of": f"molecules with {rarest}",
    }
    if rarest not in by_name:
        n = int(contains[rarest].sum())
        return Finding(
            "H2", runs, "not enough data",
            f"Not enough data: {n} held-out molecule{'s contain' if n != 1 else ' contains'} {rarest}, the rarest "
            f"element; at least {N_LARGE} are needed.{_others(effects)}",
            n=n, caution=f"A dataset with more molecules that contain {rarest} could answer it.", **common,
        )  # fmt: skip
    effect = by_name[rarest]
    matched = _matched(joint, log_errors, rarest)
    details["matched"] = matched
    state, words = _judged(effect, matched)
    return Finding(
        "H2", runs, state, words + _others([e for e in effects if e.element != rarest]),
        statistic=f"geometric mean of |error| over that of like molecules without {rarest}",
        effect=effect.times, low=effect.low, high=effect.high, unit="times", n=effect.n_held_out,
        confounder=_CONFOUNDER,
        caution=f"Size and unsaturation are held fixed; what else comes with {rarest}, rarity aside, is not.",
        action=more_seeds(joint), **common,
    )  # fmt: skip


def more_seeds(joint: Together) -> Action | None:
    """The seeds that are missing for a statement about the recipe; None where there are enough."""
    first = joint.sources[0].run
    missing = LEAST_SEEDS - len(joint.runs)
    if missing <= 0 or first.origin != "mollens" or joint.sources[0].dataset.name != first.dataset_name:
        return None
    start = max(run.seed for run in joint.runs) + 1
    label = f"Train {missing} more seeds" if missing > 1 else "Train another seed"
    overrides = {} if missing > 1 else {"seed": start}
    return Action(label, run=first.id, overrides=overrides, seeds=missing, first_seed=start, dataset=first.dataset_name)


def _log(error: Floats) -> Floats:
    """log|error|; an error of 0 counts as a thousandth of the median."""
    size = np.abs(error)
    return np.log(np.maximum(size, max(1e-3 * float(np.median(size)), 1e-12)))


def _share(joint: Together, symbol: str) -> float:
    first = joint.sources[0]
    return float(first.dataset.molecules.contains(NUMBERS[symbol])[first.all_rows].mean())


def _regression(
    joint: Together,
    log_errors: Floats,
    contains: dict[str, Mask],
    asked: list[str],
    kept: Mask,
    n_train: dict[str, int],
) -> list[ElementEffect]:
    if not asked or kept.sum() < 2 * N_LARGE:
        return []
    molecules, rows = joint.sources[0].dataset.molecules, joint.rows[kept]
    columns = np.column_stack(
        [
            np.ones(len(rows)),
            *(contains[s][kept].astype(float) for s in asked),
            smooth_columns(molecules.heavy_atoms[rows].astype(float)),
            smooth_columns(unsaturation(molecules)[rows], n_knots=2),
        ]
    )
    fit = fit_robust(columns, log_errors[:, kept].mean(axis=0))
    rare = (1 - LEVEL) / 2 / len(asked)
    of_seeds = _of_seeds(np.linalg.lstsq(columns, log_errors[:, kept].T, rcond=None)[0], rare)
    t = float(-stdtrit(fit.freedom, rare))
    found = []
    for k, s in enumerate(asked, start=1):
        value, reach = float(fit.coefficients[k]), float(np.hypot(t * fit.errors[k], of_seeds[k]))
        inflation = float(fit.inflation[k]) if np.isfinite(fit.inflation[k]) else None
        effect = ElementEffect(s, int(contains[s].sum()), n_train[s], inflation=inflation)
        if np.isfinite(value):
            low, times, high = (float(number) for number in np.exp([value - reach, value, value + reach]))
            effect = replace(effect, times=times, low=low, high=high)
        found.append(effect)
    return found


def _of_seeds(values: Floats, rare: float) -> Floats:
    """How far means of values (..., n_seeds) reach by the choice of seeds; 0 for fewer than 3, of which none is told.

    rare: probability of either tail
    """
    n = values.shape[-1]
    if n < LEAST_SEEDS:
        return np.zeros(values.shape[:-1])
    return np.asarray(-stdtrit(n - 1, rare) * values.std(axis=-1, ddof=1) / np.sqrt(n))


def _matched(joint: Together, log_errors: Floats, symbol: str) -> dict[str, Any]:
    """Molecules with the element against those without it that are alike: how many times the error, with interval."""
    molecules, rows, log_error = joint.sources[0].dataset.molecules, joint.rows, log_errors.mean(axis=0)
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
    means = []
    of_seeds = np.zeros((len(log_errors), n_strata))
    for sign, side, counts in ((1, inside, n_in), (-1, ~inside, n_out)):
        mean = np.bincount(stratum[side], log_error[side], n_strata) / np.maximum(counts, 1)
        left = ((log_error[side] - mean[stratum[side]]) ** 2)[both[stratum[side]]]
        freedom = int(counts[both].sum() - both.sum())
        variances.append((left.sum() / freedom if freedom > 0 else np.nan, freedom))
        means.append(mean)
        of_seeds += sign * np.stack(
            [np.bincount(stratum[side], line[side], n_strata) / np.maximum(counts, 1) for line in log_errors]
        )
    if n < LEAST_MATCHED or min(freedom for _, freedom in variances) < LEAST_MATCHED // 2:
        return found | {"times": None, "low": None, "high": None}
    share = n_in[both] / n
    value = float((share * (means[0] - means[1])[both]).sum())
    variance = float((share**2 * (variances[0][0] / n_in[both] + variances[1][0] / n_out[both])).sum())
    rare = (1 - LEVEL) / 2
    of_molecules = float(-stdtrit(min(freedom for _, freedom in variances), rare)) * np.sqrt(variance)
    reach = float(np.hypot(of_molecules, _of_seeds(of_seeds[:, both] @ share, rare)))
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
    text = (
        f"{head}{told} (geometric means, n = {effect.n_held_out}, variance inflation {effect.inflation:.1f}); {also}."
    )
    return state, text[0].upper() + text[1:]


def _times(value: float, low: float, high: float) -> str:
    return f"{value:.2f} times ({low:.2f} to {high:.2f})"


def _others(effects: list[ElementEffect]) -> str:
    told = [
        f"{e.element} {e.times:.2f} ({e.low:.2f} to {e.high:.2f})"
        for e in effects
        if e.times is not None and e.low is not None and e.high is not None
    ]
    return f" Of the others, times the error without (geometric means): {', '.join(told)}." if told else ""
