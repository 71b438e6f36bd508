"""What colours the atoms of a molecule: elements, contributions, the difference of two models, charges."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import MollensError
from core.figures.error_axes import short_name
from core.figures.numbers import shown_unit, unit_text
from core.judge.inspect.atom_values import (
    CHARGES,
    LEAST_NETWORKS,
    AtomValues,
    charge_values,
    contribution_values,
    difference_values,
)
from core.judge.inspect.bench import BenchRun
from pages.common.appearance import plain
from pages.judge.outlier_parts.gallery_asked import Asked

MODES = {
    "element": "Element",
    "contribution": "Contribution",
    "difference": "Difference",
    "charge": "Charge",
}


@dataclass(frozen=True, eq=False)
class AtomView:
    """How the atoms are coloured, and the words to it."""

    key: str
    label: str
    values: AtomValues | None = None
    """None for the colours of the elements"""
    factor: float = 1.0
    unit: str = ""
    """of the values after the factor"""
    remark: str = ""
    """beside the scale, plain text"""
    note: str = ""
    """below it (Markdown)"""


def atom_view(asked: Asked, row: int, mode: str) -> AtomView:
    """The atoms of one molecule as a mode colours them.

    Raises:
        MollensError: if the mode cannot be shown for this molecule and model, with the reason.
    """
    if mode == "contribution":
        values = contribution_values(asked.bench, row)
        return AtomView("contribution", "contribution", values, *_unit(values),
                        remark="against its element’s mean · not an atomic energy")  # fmt: skip
    if mode == "difference":
        return _difference(asked, row)
    if mode == "charge":
        values = charge_values(asked.dataset, row)
        label = asked.dataset.property(CHARGES).label
        remark = f"{label} in the dataset, {asked.dataset.card.level_of_theory}"
        return AtomView(CHARGES, label, values, 1.0, unit_text(values.unit), remark)
    return AtomView("element", "element")


def not_looked_into(asked: Asked, row: int, mode: str) -> BenchRun | None:
    """The run whose network must be looked into before the atoms can be coloured so; None if none is missing."""
    if mode == "contribution":
        return asked.bench.first if asked.bench.first.inside is None else None
    if mode == "difference" and asked.other is not None:
        for recipe in (0, asked.other):
            if all(run.inside is None for run in asked.bench.runs if run.group == recipe):
                return asked.bench.of_recipe(recipe)[0] if recipe else asked.bench.first
        both = [run for run in asked.bench.runs if run.group in (0, asked.other)]
        if sum(run.inside is not None for run in both) < LEAST_NETWORKS:
            return next((run for run in both if run.inside is None), None)
    return None


def _difference(asked: Asked, row: int) -> AtomView:
    if asked.other is None:
        raise MollensError(f"no other recipe has predicted {asked.source.target.label} of this dataset")
    values = difference_values(asked.bench, row, asked.other)
    names = [short_name(asked.bench.recipes[k], 28) for k in (asked.other, 0)]
    remark = f"{names[0]} minus {names[1]} · not atomic energies"
    n, all_ = 0 if values.beyond is None else int(values.beyond.sum()), len(values.values)
    seeds = f"{values.n_second} and {values.n_first} networks"
    note = f"{n} of {all_} atoms differ by more than twice the spread between seeds ({seeds}); the others are grey."
    return AtomView("difference", "difference", values, *_unit(values), remark=remark, note=plain(note))


def _unit(values: AtomValues) -> tuple[float, str]:
    factor, unit = shown_unit(values.unit, values.reach)
    return factor, unit_text(unit)
