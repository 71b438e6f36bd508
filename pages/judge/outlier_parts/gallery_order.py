"""The held-out molecules that are asked for, in their order: pages of them, and the place of one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.figures.numbers import significant
from core.judge.held_out import HeldOut
from core.judge.inspect.bench import Bench
from core.judge.inspect.outliers import ORDERS, OutlierPage, ids_in_order, page_of
from core.judge.inspect.paired_orders import PAIRED_ORDERS
from pages.judge.outlier_parts.gallery_asked import Asked

PER_PAGE = 9
ORDER_NAMES = {
    "worst": "Worst",
    "best": "Best",
    "too high": "Too high",
    "too low": "Too low",
    "random": "Random",
    "differ": "Models differ",
    "seeds": "Seeds differ",
}


@dataclass(frozen=True, eq=False)
class Listing:
    """The molecules in their order."""

    asked: Asked
    ids: NDArray[np.int64]
    """(n,) in the order"""

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.ids)

    @property
    def words(self) -> str:
        """The order in words."""
        return {**ORDERS, **PAIRED_ORDERS}[self.asked.order]

    def page(self, limit: int, offset: int = 0) -> OutlierPage:
        """Some of them.

        Raises:
            MollensError: as `page_of`.
        """
        asked = self.asked
        others = _others(asked.bench, asked.other)
        return page_of(asked.source, asked.within, asked.order, limit, offset, **others)

    def place_of(self, molecule: int | None) -> int | None:
        """Place of a molecule from 0; None where it is not among them."""
        found = np.flatnonzero(self.ids == (-1 if molecule is None else molecule))
        return int(found[0]) if molecule is not None and len(found) else None

    def id_at(self, place: int) -> int | None:
        """Id of the molecule at a place; None beyond the ends."""
        return int(self.ids[place]) if 0 <= place < self.total else None

    def turn_to(self, molecule: int) -> None:
        """Let the gallery show the page that a molecule is on."""
        place = self.place_of(molecule)
        if place is not None:
            st.session_state["page"] = place // PER_PAGE + 1

    def remark(self, entry: dict[str, Any], factor: float, unit: str) -> str:
        """What an order of several runs says of a molecule of its table; empty for orders of one run."""
        if self.asked.order == "differ":
            other = significant(entry["other_error"] * factor, 3, sign=True)
            apart = significant(abs(entry["difference"]) * factor)
            return f"the other model {other}, {apart} {unit} apart"
        if self.asked.order == "seeds":
            spread, mean = entry["seed_spread"] * factor, entry["mean_error"] * factor
            return f"seeds spread by {significant(spread)} about {significant(mean, 3, sign=True)} {unit}"
        return ""


def listing_of(asked: Asked) -> Listing:
    """All molecules that are asked for, in their order.

    Raises:
        MollensError: as `ids_in_order`.
    """
    where = tuple(asked.selection.where())
    return Listing(asked, _ids(asked.source, asked.bench, where, asked.order, asked.other, _Mask(asked.within)))


@dataclass(frozen=True)
class _Mask:
    """What the filters leave, as an argument that the words of the filters tell apart."""

    within: NDArray[np.bool_] | None

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Mask)


def _others(bench: Bench, other: int | None) -> dict[str, list[HeldOut]]:
    """The other runs that orders of several ask for."""
    against = [] if other is None else bench.of_recipe(other)
    return {"against": [run.source for run in against], "seeds": [run.source for run in bench.of_recipe(0)]}


@lru_cache(maxsize=64)
def _ids(
    source: HeldOut, bench: Bench, where: tuple[str, ...], order: str, other: int | None, held: _Mask
) -> NDArray[np.int64]:
    return ids_in_order(source, held.within, order, **_others(bench, other))
