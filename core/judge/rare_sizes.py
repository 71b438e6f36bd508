"""H1: are sizes that were rarely seen in training predicted worse?"""

from __future__ import annotations

from typing import Any

import numpy as np

from core.judge.convergence import convergence
from core.judge.findings import Answer, Finding
from core.judge.held_out import HeldOut, unit_per
from core.judge.intervals import N_POINTS_ONLY
from core.judge.rank_correlation import RankCorrelation, rank_correlation
from core.judge.wording import MINUS, provisional

LEAST_SIZES = 10
"""Sizes with an error that a rank correlation needs."""


def rare_sizes(source: HeldOut, per: str = "molecule") -> Finding:
    """Spearman's correlation of the MAE of each size with its number of training molecules.

    Sizes have at least 10 held-out molecules. Size itself is the confounder: rare sizes are the smallest and the
    largest, and errors grow with size. So the claim is supported, or contradicted, only if the correlation and the
    partial one given the number of atoms both say so. Neither shows a cause.
    """
    run = source.run
    error = np.abs(source.error) / (source.sizes if per == "atom" else 1)
    n_held_out = np.bincount(source.sizes)
    sizes = np.flatnonzero(n_held_out >= N_POINTS_ONLY)
    mae = np.bincount(source.sizes, weights=error)[sizes] / n_held_out[sizes]
    molecules = source.dataset.molecules
    n_train = np.bincount(molecules.sizes[source.train_rows], minlength=len(n_held_out))[sizes]
    details: dict[str, Any] = {
        "sizes": [
            {"size": int(size), "n_held_out": int(n_held_out[size]), "n_train": int(seen), "mae": float(value)}
            for size, seen, value in zip(sizes, n_train, mae, strict=True)
        ],
        "unit": unit_per(source.target.unit, per),
    }
    held = tuple(provisional([(run.name, (convergence(run).state,))]))
    raw = rank_correlation(n_train.astype(float), mae)
    given = rank_correlation(n_train.astype(float), mae, sizes.astype(float))
    if len(sizes) < LEAST_SIZES or not np.isfinite(raw.value):
        return Finding(
            "H1", (run,), "not enough data",
            f"Not enough data: {len(sizes)} sizes have {N_POINTS_ONLY} or more held-out molecules; at least "
            f"{LEAST_SIZES} sizes with different errors are needed.",
            n=len(sizes), n_of="sizes", details=details,
        )  # fmt: skip
    details |= {"p": raw.p, "partial": vars(given) if np.isfinite(given.value) else None}
    state = _answer(raw, given)
    words = {
        "supported": "Sizes with fewer training molecules are predicted worse",
        "contradicted": "Sizes with fewer training molecules are predicted better",
        "undecided": "Undecided whether sizes with fewer training molecules are predicted worse",
    }
    told = f"given the number of atoms {_told(given)}" if np.isfinite(given.value) else "size alone orders the errors"
    return Finding(
        "H1", (run,), state,
        f"{words[state]}: over {len(sizes)} sizes, error and training count have the rank correlation {_told(raw)}; "
        f"{told}. Only training without molecules of a size would show a cause.",
        statistic="Spearman correlation of MAE and training molecules over sizes",
        effect=raw.value, low=raw.low, high=raw.high, n=len(sizes), n_of="sizes",
        confounder="size: rare sizes are the smallest and largest ones, and errors grow with size",
        provisional=held, details=details,
    )  # fmt: skip


def _answer(raw: RankCorrelation, given: RankCorrelation) -> Answer:
    if raw.high < 0 and given.high < 0:
        return "supported"
    return "contradicted" if raw.low > 0 and given.low > 0 else "undecided"


def _told(found: RankCorrelation) -> str:
    value, low, high = (f"{number:.2f}".replace("-", MINUS) for number in (found.value, found.low, found.high))
    return f"{value} ({low} to {high})"
