"""Orders of held-out molecules that need several runs: where two models differ, and where the seeds of one do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import MollensError
from core.judge.held_out import HeldOut, common_ids

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

PAIRED_ORDERS = {
    "differ": "where two models differ most, farthest first",
    "seeds": "where the seeds of the recipe differ most, largest spread first",
}
"""Orders that need other runs besides."""


@dataclass(frozen=True, eq=False)
class PairedOrder:
    """What an order of several runs rests on; (n,) as the held-out molecules of the source, NaN where not in common."""

    key: Floats
    """largest first"""
    columns: dict[str, Floats]


def paired_order(
    source: HeldOut, order: str, against: Sequence[HeldOut], seeds: Sequence[HeldOut]
) -> PairedOrder | None:
    """For the orders of `PAIRED_ORDERS`, else None."""
    if order not in PAIRED_ORDERS:
        return None
    others = list(against if order == "differ" else seeds)
    others = [other for other in others if other.run.id != source.run.id]
    if not others:
        what = "another model; name it with --with" if order == "differ" else "other seeds of the recipe, and has none"
        raise MollensError(f"order {order!r}: run {source.run.name} needs {what}")
    _check_alike(source, others)
    ids = common_ids([source, *others])
    if not len(ids):
        names = ", ".join(other.run.name for other in others)
        raise MollensError(f"runs {source.run.name}, {names}: hold no molecule out together; there is nothing to order")
    place = np.searchsorted(source.ids, ids)
    errors = np.stack([other.error[np.searchsorted(other.ids, ids)] for other in others])
    own = source.error[place]

    def spread_out(values: Floats) -> Floats:
        column = np.full(len(source.ids), np.nan)
        column[place] = values
        return column

    if order == "differ":
        mean = errors.mean(axis=0)
        columns = {"other_error": spread_out(mean), "difference": spread_out(own - mean)}
        return PairedOrder(np.abs(columns["difference"]), columns)
    all_errors = np.concatenate([own[None], errors])
    columns = {
        "mean_error": spread_out(all_errors.mean(axis=0)), "seed_spread": spread_out(all_errors.std(axis=0, ddof=1)),
    }  # fmt: skip
    return PairedOrder(columns["seed_spread"], columns)


def _check_alike(source: HeldOut, others: Sequence[HeldOut]) -> None:
    for other in others:
        same = other.target.key == source.target.key and other.dataset.card.sha256 == source.dataset.card.sha256
        if not same:
            raise MollensError(
                f"runs {source.run.name} and {other.run.name}: predict {source.target.key} of {source.dataset.name} "
                f"and {other.target.key} of {other.dataset.name}; choose runs of one target and dataset"
            )


def by_key(paired: PairedOrder, inside: Mask) -> Ints:
    """(n,) places of the molecules inside that all runs hold out, the largest key first; equal ones in order of id."""
    places = np.flatnonzero(inside & np.isfinite(paired.key))
    return places[np.argsort(-paired.key[places], kind="stable")]


def robust_spread(values: Floats) -> float:
    """1.4826 times the median absolute deviation of values (n,): a standard deviation that outliers do not move."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))
