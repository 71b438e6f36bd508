"""H1: are sizes that were rarely seen in training predicted worse?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from core.judge.comparing.recipes_compared import LEAST_SEEDS
from core.judge.comparing.seeds import Together, together
from core.judge.comparing.wording import MINUS, provisional
from core.judge.convergence import training_state
from core.judge.held_out import HeldOut, unit_per
from core.judge.hypotheses.findings import Action, Answer, Finding
from core.judge.statistics.intervals import LEVEL, N_LARGE, N_POINTS_ONLY, intervals_of_means
from core.judge.statistics.rank_correlation import RankCorrelation, rank_correlation
from core.judge.statistics.resampling import seed_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

N_DEALS = 999
LEAST_SIZES = 10
"""Sizes with an error that a rank correlation needs."""
_MOST_DEPLETED = 0.1
"""Share of the training molecules that a depletion run may leave out."""
_CONFOUNDER = "size: rare sizes are the smallest and largest ones, and errors grow with size"


def rare_sizes(sources: HeldOut | Sequence[HeldOut], per: str = "molecule") -> Finding:
    """Spearman's correlation of the MAE of each size with its number of training molecules.

    Sizes have at least 10 held-out molecules. Size itself is the confounder: rare sizes are the smallest and the
    largest, and errors grow with size. So an association is seen only if the correlation and the partial one given the
    number of atoms both say so, and dealing out the errors to the molecules by lot seldom gives one as strong: means of
    few heavy-tailed errors are mostly too low, which alone makes a correlation. None of this shows a cause: on observed
    data alone the answer is at most "cause undecided".

    sources: of one run, or of the seeds of one recipe; then errors are averaged over seeds molecule by molecule, and
        with 3 or more the interval is widened by the scatter of the correlation between seeds
    """
    joint = together(sources)
    runs, first = joint.runs, joint.sources[0]
    sizes_of = first.dataset.molecules.sizes[joint.rows]
    size_of_error = np.abs(joint.errors) / (sizes_of if per == "atom" else 1)  # (n_seeds, n)
    n_held_out = np.bincount(sizes_of)
    sizes = np.flatnonzero(n_held_out >= N_POINTS_ONLY)
    member = sizes_of == sizes[:, None]
    maes = (size_of_error @ member.T) / n_held_out[sizes]  # (n_seeds, n_sizes)
    mae = maes.mean(axis=0)
    counted = joint.counts_by_size(len(n_held_out))
    if counted is None:
        return counts_not_known("H1", joint)
    n_train = np.rint(counted.mean(axis=0)).astype(np.int64)[sizes]
    limits = intervals_of_means(size_of_error.mean(axis=0, keepdims=True), member)[0] if len(sizes) else None
    details: dict[str, Any] = {
        "sizes": [
            {
                "size": int(size), "n_held_out": int(n_held_out[size]), "n_train": int(seen), "mae": float(value),
                "low": max(float(limits.low[k]), 0.0), "high": float(limits.high[k]),
            }
            for k, (size, seen, value) in enumerate(zip(sizes, n_train, mae, strict=True))
            if limits is not None
        ],
        "unit": unit_per(first.target.unit, per),
    }  # fmt: skip
    about: Any = "recipes" if len(runs) >= LEAST_SEEDS else "networks"
    held = tuple(provisional([(joint.name, [training_state(run) for run in runs])]))
    raw = rank_correlation(n_train.astype(float), mae)
    given = rank_correlation(n_train.astype(float), mae, sizes.astype(float))
    if len(sizes) < LEAST_SIZES or not np.isfinite(raw.value):
        return Finding(
            "H1", runs, "not enough data",
            f"Not enough data: {len(sizes)} sizes have {N_POINTS_ONLY} or more held-out molecules; at least "
            f"{LEAST_SIZES} sizes with different errors are needed.",
            n=len(sizes), n_of="sizes", details=details, about=about,
        )  # fmt: skip
    if about == "recipes":
        train, size = n_train.astype(float), sizes.astype(float)
        raw = _with_seeds(raw, [rank_correlation(train, line).value for line in maes])
        given = _with_seeds(given, [rank_correlation(train, line, size).value for line in maes])
    association = _answer(raw, given)
    by_lot = None
    if association != "undecided":
        by_lot = p_by_lot(size_of_error.mean(axis=0), member, n_train, raw.value, seed_of(joint.ids))
        association = association if by_lot < 1 - LEVEL else "undecided"
    details |= {
        "p": raw.p, "p_by_lot": by_lot, "partial": vars(given) if np.isfinite(given.value) else None,
        "association": association,
    }  # fmt: skip
    state: Answer = "undecided" if association == "undecided" else "cause undecided"
    words = {
        "supported": "Cause undecided. Sizes with fewer training molecules are predicted worse",
        "contradicted": "Cause undecided. Sizes with fewer training molecules are predicted better",
        "undecided": "Undecided whether sizes with fewer training molecules are predicted worse",
    }
    told = f"given the number of atoms {_told(given)}" if np.isfinite(given.value) else "size alone orders the errors"
    return Finding(
        "H1", runs, state,
        f"{words[association]}: over {len(sizes)} sizes, error and training count have the rank correlation "
        f"{_told(raw)}; {told}. Only training without molecules of a size would show a cause.",
        statistic="Spearman correlation of MAE and training molecules over sizes",
        effect=raw.value, low=raw.low, high=raw.high, n=len(sizes), n_of="sizes",
        confounder=_CONFOUNDER,
        caution="Size is confounded with rarity: rare sizes are the smallest and the largest, and errors grow with "
        "size. This shows no cause.",
        action=depletion_run(joint), about=about, provisional=held, details=details,
    )  # fmt: skip


def p_by_lot(errors: Floats, member: Mask, n_train: Ints, value: float, seed: int) -> float:
    """Two-sided share of deals by lot in which the rank correlation is as far out as `value`.

    Args:
        errors: (n,) of the molecules, which are dealt out anew.
        member: (n_sizes, n) which of them belong to which size; those of no size keep out.
        n_train: (n_sizes,) training molecules.
    """
    inside = np.flatnonzero(member.any(axis=0))
    place, dealt = np.argmax(member[:, inside], axis=0), errors[inside]
    counts = np.bincount(place, minlength=len(member))
    random = np.random.default_rng(seed)
    maes = np.stack([np.bincount(place, random.permutation(dealt), len(member)) / counts for _ in range(N_DEALS)])
    ranks = np.argsort(np.argsort(maes, axis=1), axis=1) - (len(member) - 1) / 2.0
    _, level, equal = np.unique(n_train, return_inverse=True, return_counts=True)
    wanted = (np.cumsum(equal) - (equal - 1) / 2)[level] - (len(member) + 1) / 2  # equal counts share a rank
    values = ranks @ wanted / (np.linalg.norm(ranks, axis=1) * np.linalg.norm(wanted))
    beyond = min(int((values >= value - 1e-12).sum()), int((values <= value + 1e-12).sum()))
    return min(2 * (beyond + 1) / (N_DEALS + 1), 1.0)


def counts_not_known(hypothesis: str, joint: Together) -> Finding:
    """Nothing can be called rare where it is not known how often it was there."""
    return Finding(
        hypothesis, joint.runs, "not enough data",
        f"Not enough data: the molecules that {joint.name} was trained on are not all at hand, so that nothing "
        "tells which were rare.",
        caution="With the dataset of its training here under its name, they could be counted.",
    )  # fmt: skip


def _with_seeds(found: RankCorrelation, of_seeds: Sequence[float]) -> RankCorrelation:
    """The interval widened by the scatter between seeds, on Fisher's scale."""
    if not np.isfinite([found.value, *of_seeds]).all():
        return found
    middle, low, high, *seeds = np.arctanh(
        np.clip([found.value, found.low, found.high, *of_seeds], -1 + 1e-12, 1 - 1e-12)
    )
    n = len(seeds)
    of_choice = float(-stdtrit(n - 1, (1 - LEVEL) / 2)) * np.std(seeds, ddof=1) / np.sqrt(n)
    ends = np.tanh([middle - np.hypot(middle - low, of_choice), middle + np.hypot(high - middle, of_choice)])
    return replace(found, low=float(ends[0]), high=float(ends[1]))


def depletion_run(joint: Together) -> Action | None:
    """Training without the smallest sizes, or the largest, against as many molecules drawn by lot.

    They are as few sizes as have 50 held-out molecules, at most a tenth of the training molecules. None where there are
    no such sizes, or the run is no ordinary training.
    """
    first = joint.sources[0]
    recipe = first.run.recipe_values
    if (
        first.run.origin != "mollens"
        or recipe.get("model") == "composition"
        or first.dataset.name != first.run.dataset_name
    ):
        return None
    if any(recipe.get(key) for key in ("min_atoms", "max_atoms", "most_per_size", "control")):
        return None
    sizes = first.dataset.molecules.sizes
    held, trained = np.bincount(sizes[joint.rows]), np.bincount(sizes[first.train_rows], minlength=int(sizes.max()) + 1)
    overrides: dict[str, int] | None = None
    for ends, field in (((held, trained), "min_atoms"), ((held[::-1], trained[::-1]), "max_atoms")):
        enough = int(np.searchsorted(np.cumsum(ends[0]), N_LARGE))
        left_out = int(ends[1][: enough + 1].sum())
        if enough < len(held) and 0 < left_out <= _MOST_DEPLETED * trained.sum():
            overrides = {field: enough + 1 if field == "min_atoms" else len(held) - enough - 2}
            break
    if overrides is None:
        return None
    return Action(
        "Start a depletion run with its control", run=first.run.id, overrides=overrides, seeds=LEAST_SEEDS,
        with_control=True, dataset=first.dataset.name,
    )  # fmt: skip


def _answer(raw: RankCorrelation, given: RankCorrelation) -> Answer:
    if raw.high < 0 and given.high < 0:
        return "supported"
    return "contradicted" if raw.low > 0 and given.low > 0 else "undecided"


def _told(found: RankCorrelation) -> str:
    value, low, high = (f"{number:.2f}".replace("-", MINUS) for number in (found.value, found.low, found.high))
    return f"{value} ({low} to {high})"
