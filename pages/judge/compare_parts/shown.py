"""How errors are shown on the page: the unit, and what the reader has chosen in the row of controls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.figures.numbers import shown_unit, significant, unit_text
from core.judge.comparing.compare import Comparison


@dataclass(frozen=True)
class Shown:
    """The unit of a page, and its choices."""

    factor: float
    """from the unit inside to the unit shown"""
    unit: str
    by: str
    measure: str
    per: str
    margin: float | None
    """in the target's unit; None: 1 meV or 5 % of the smaller error"""

    def text(self, value: float | None, sign: bool = False) -> str:
        """A value inside as it is written, without its unit."""
        return significant(None if value is None else float(value) * self.factor, 3, sign=sign)


@dataclass(frozen=True)
class Choice:
    """What is asked: grouping, measure, per molecule or atom, and the margin within which errors are equal."""

    by: str
    measure: str
    per: str
    margin: float | None


def shown(found: Comparison, choice: Choice) -> Shown:
    """The unit in which the errors of a comparison read best."""
    return shown_as(found.paired.target.unit, max(found.whole.error_a or 0.0, found.whole.error_b or 0.0), choice)


def shown_as(unit: str, typical: Any, choice: Choice) -> Shown:
    """The unit in which errors of a typical size read best."""
    factor, text = shown_unit(unit, typical)
    text = unit_text(text)
    per_atom = f"{text}/atom" if choice.per == "atom" else text
    return Shown(factor, per_atom, choice.by, choice.measure, choice.per, choice.margin)
