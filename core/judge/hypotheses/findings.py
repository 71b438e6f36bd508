"""What runs say about one of the thesis's four hypotheses: statistic, effect, interval, n and an answer.

H1: rarely seen sizes are predicted worse. H2: rarely seen elements are predicted worse. H3: balancing the sizes
balances the errors. H4: training only on large molecules is better for large molecules.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.judge.comparing.wording import MINUS, amount, like_all, unit_of
from core.runs.folder import Run

Answer = Literal["supported", "contradicted", "undecided", "cause undecided", "not enough data"]
ANSWERS: tuple[Answer, ...] = ("supported", "contradicted", "undecided", "cause undecided", "not enough data")

CLAIMS: dict[str, str] = {
    "H1": "Rarely seen sizes are predicted worse",
    "H2": "Rarely seen elements are predicted worse",
    "H3": "Balancing the sizes balances the errors",
    "H4": "Training only on large molecules is better for large molecules",
}


@dataclass(frozen=True)
class Action:
    """Runs that would settle a question: a recipe to start from, and what to change in it."""

    label: str
    """what is done, as on a button: "Train 3 seeds" """
    run: str = ""
    """id of the run whose recipe is taken; empty: that of `preset` """
    preset: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """fields of the recipe and what they become"""
    seeds: int = 1
    """how many runs, with seeds from that of the recipe on"""
    first_seed: int = 0
    with_control: bool = False
    """whether the control of each is trained too"""
    dataset: str = ""

    @property
    def query(self) -> dict[str, str | list[str]]:
        """The address of the New run page with the form filled in."""
        given: dict[str, str | list[str]] = {"from": self.run} if self.run else {"recipe": self.preset}
        fields = {**({"seed": self.first_seed} if self.seeds > 1 else {}), **self.overrides}
        if self.dataset:
            given["dataset"] = self.dataset
        if fields:
            given["set"] = [f"{key}={_text(value)}" for key, value in fields.items()]
        if self.seeds > 1:
            given["seeds"] = str(self.seeds)
        if self.with_control:
            given["with_control"] = "1"
        return given

    @property
    def commands(self) -> tuple[str, ...]:
        """The same for a shell, a line per run."""
        start = (
            f"clone {self.run}" if self.run else f"train --recipe {self.preset} --dataset {shlex.quote(self.dataset)}"
        )
        seeds = range(self.first_seed, self.first_seed + self.seeds) if self.seeds > 1 else [None]
        lines = []
        for seed in seeds:
            for control in (False, True)[: 1 + self.with_control]:
                fields = {**self.overrides, **({} if seed is None else {"seed": seed})}
                fields |= {"control": True} if control else {}
                told = "".join(f" --set {shlex.quote(f'{key}={_text(value)}')}" for key, value in fields.items())
                lines.append(f"python -m core {start}{told}")
        return tuple(lines)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, eq=False)
class Finding:
    """What runs say about one hypothesis.

    `details` holds the points of its figure, ready for JSON; energies are in `details["unit"]`:

    - H1 on observed data: `sizes` [{size, n_held_out, n_train, mae, low, high}]; `association`, the answer that the
      correlation alone would give; `p`, `p_by_lot` and `partial` {value, low, high, p, n}.
    - H1 by an experiment: `sizes` [{size, n_held_out, n_train, n_train_control, mae, mae_control, difference, low,
      high, depleted}], `mae` and `mae_control` over the depleted sizes, `others` {n, difference, low, high}.
    - H2: `rarest`; `elements` [{element, n_held_out, n_train, times, low, high, inflation}]; `matched` {n, of,
      n_without, times, low, high}.
    - H3: `spread` and `spread_control` with `_low` and `_high` of each, `spreads` and `spreads_control` of every run,
      `mean`, `mean_control`, `sizes` [{size, n_held_out, mae, mae_control}].
    - H4: `mae`, `mae_control`, `margin`, `lowest`, `highest`, `sizes` [{size, n_held_out, mae, mae_control, difference,
      low, high, trained}], `others` as in H1.
    """

    hypothesis: str
    """a key of `CLAIMS`"""
    runs: tuple[Run, ...]
    """one run, or the seeds of one recipe"""
    state: Answer
    sentence: str
    statistic: str = ""
    """what the effect is"""
    effect: float | None = None
    low: float | None = None
    """of the 95 % interval"""
    high: float | None = None
    unit: str = ""
    """of the effect: "times", "points" (a share of the mean), an energy, or nothing for a correlation"""
    n: int = 0
    n_of: str = ""
    """what n counts: "sizes" """
    confounder: str = ""
    """what else could explain it"""
    caution: str = ""
    """the same as a sentence"""
    action: Action | None = None
    """what would settle it"""
    evidence: Literal["observed", "experiment"] = "observed"
    about: Literal["networks", "recipes"] = "networks"
    """what it is about: these networks only, or their recipe, whatever the seed"""
    controls: tuple[Run, ...] = ()
    provisional: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def claim(self) -> str:
        """The hypothesis in words."""
        return CLAIMS[self.hypothesis]

    @property
    def line(self) -> str:
        """Effect, interval and n in one line: "−0.62 (−0.83 to −0.29), 17 sizes"; n alone without an effect."""
        count = f"{self.n:,} {self.n_of}".strip()
        if self.effect is None:
            return count if self.n_of else ""
        values = [self.effect, *([] if self.low is None or self.high is None else [self.low, self.high])]
        if self.unit in ("", "times", "points"):
            factor, digits, unit = (100, 1, "points") if self.unit == "points" else (1, 2, self.unit)
            told = [f"{factor * value:.{digits}f}".replace("-", MINUS) for value in values]
        else:
            like = like_all(values) if self.unit.startswith("eV") else max(abs(value) for value in values)
            unit = unit_of(self.unit, like)
            told = [amount(value, self.unit, like) for value in values]
        words = f"{told[0]} {unit}".rstrip() + (f" ({told[1]} to {told[2]})" if len(told) == 3 else "")
        return f"{words}, {count}"


def answer(low: float, high: float, wanted: Literal["above", "below"]) -> Answer:
    """What an interval says to a claim that the effect lies above or below 0."""
    if not (low == low and high == high):
        return "not enough data"
    if low > 0:
        return "supported" if wanted == "above" else "contradicted"
    if high < 0:
        return "supported" if wanted == "below" else "contradicted"
    return "undecided"
