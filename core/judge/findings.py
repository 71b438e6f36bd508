"""What runs say about one of the thesis's four hypotheses: statistic, effect, interval, n and an answer.

H1: rarely seen sizes are predicted worse. H2: rarely seen elements are predicted worse. H3: balancing the sizes
balances the errors. H4: training only on large molecules is better for large molecules.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from core.runs.folder import Run

Answer = Literal["supported", "contradicted", "undecided", "not enough data"]

CLAIMS: dict[str, str] = {
    "H1": "Rarely seen sizes are predicted worse",
    "H2": "Rarely seen elements are predicted worse",
    "H3": "Balancing the sizes balances the errors",
    "H4": "Training only on large molecules is better for large molecules",
}


@dataclass(frozen=True, eq=False)
class Finding:
    """What runs say about one hypothesis."""

    hypothesis: str
    """a key of `CLAIMS`"""
    runs: tuple[Run, ...]
    state: Answer
    sentence: str
    statistic: str = ""
    """what the effect is"""
    effect: float | None = None
    low: float | None = None
    """of the 95 % interval"""
    high: float | None = None
    unit: str = ""
    n: int = 0
    n_of: str = ""
    """what n counts: "sizes" """
    confounder: str = ""
    """what else could explain it"""
    controls: tuple[Run, ...] = ()
    provisional: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    """more figures, ready for JSON"""

    @property
    def claim(self) -> str:
        """The hypothesis in words."""
        return CLAIMS[self.hypothesis]


def answer(low: float, high: float, wanted: Literal["above", "below"]) -> Answer:
    """What an interval says to a claim that the effect lies above or below 0."""
    if not (low == low and high == high):
        return "not enough data"
    if low > 0:
        return "supported" if wanted == "above" else "contradicted"
    if high < 0:
        return "supported" if wanted == "below" else "contradicted"
    return "undecided"
