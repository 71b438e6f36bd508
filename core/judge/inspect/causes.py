"""Four possible causes of an error, each with a grade and its reasons; never one verdict for a molecule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.judge.comparing.wording import amount, unit_of

GRADES = ("strong", "some", "none found", "ruled out", "not known")
"""In the order in which causes are shown."""
CAUSES = {
    "unseen": "Never seen anything like it",
    "label": "Label suspicious",
    "model": "Weakness of the model",
    "noise": "Noise between seeds",
}

Number = float | int | str | bool | None


@dataclass(frozen=True)
class Cause:
    """One possible cause, and what speaks for it and against it."""

    key: str
    """of `CAUSES`"""
    grade: str
    """of `GRADES`"""
    reasons: tuple[str, ...]
    """sentences that speak for it"""
    against: tuple[str, ...] = ()
    """sentences that speak against it, or found nothing"""
    unknown: tuple[str, ...] = ()
    """sentences on what could not be looked at, and how it can"""
    numbers: Mapping[str, Number] = field(default_factory=dict)
    """what the sentences rest on"""

    @property
    def title(self) -> str:
        """The cause in words."""
        return CAUSES[self.key]

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of them, what decides the grade first."""
        if self.grade in ("strong", "some"):
            return (*self.reasons, *self.against, *self.unknown)
        return (*self.against, *self.reasons, *self.unknown)


def in_order(causes: list[Cause]) -> tuple[Cause, ...]:
    """Causes by their grade, equal ones in the order of `CAUSES`."""
    place = {key: k for k, key in enumerate(CAUSES)}
    return tuple(sorted(causes, key=lambda cause: (GRADES.index(cause.grade), place[cause.key])))


def in_unit(value: float, unit: str) -> str:
    """A number with its unit as a sentence has it: meV below 1 eV."""
    return f"{amount(value, unit)} {unit_of(unit, value)}".rstrip()


def percent(share: float) -> str:
    """A share in per cent as a sentence has it; never 0 % or 100 % unless it is none or all."""
    value = 100 * share
    if 0 < value < 0.1:
        return "less than 0.1 %"
    if 99.9 < value < 100:
        return "more than 99.9 %"
    return f"{value:.1f} %" if 0 < value < 1 or 99 < value < 100 else f"{value:.0f} %"
