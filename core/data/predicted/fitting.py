"""Whether numbers of another program fit the labels: in which unit, and as which kind of energy.

The labels decide. Every unit and every kind that could be meant is tried, and the one with the least median error is
named; a poor model is off by its errors, a wrong unit by orders of magnitude more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.molecules import NUMBERS
from core.data.properties import Property
from core.data.reference_levels import TOTAL_ENERGIES
from core.data.store import Dataset
from core.data.units import factor, units_for

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

KINDS = {
    "target": "the property itself",
    "total": "total energies",
    "atomisation": "atomisation energies",
    "residual": "what is left after a linear fit of the atom counts",
    "error": "errors: predicted minus label",
}
DOUBT = 5.0
"""A choice is doubted if another one has a median error that is smaller by this factor."""
BETTER = 0.5
"""Residuals are recognised as such where the median error is below this share of that of the linear fit alone."""
_SAMPLE = 4000


@dataclass(frozen=True)
class Fit:
    """How well values fit the labels in one unit and as one kind."""

    unit: str
    kind: str
    error: float
    """median absolute error, in the unit of the property"""


def kinds_for(dataset: Dataset, prop: Property) -> list[str]:
    """The kinds that values for a property may be; conversions that the dataset has no numbers for are left out."""
    other = _other_kind(prop)
    found = ["target"]
    if other is not None and free_atoms(dataset, prop, np.arange(min(1, dataset.molecules.n_molecules))) is not None:
        found.append(other)
    return [*found, "residual", "error"]


def own_kind(prop: Property, kind: str) -> str:
    """`kind`, or "target" where it is another word for it: "total" of a total energy."""
    return "target" if kind in ("total", "atomisation") and kind != _other_kind(prop) else kind


def _other_kind(prop: Property) -> str | None:
    """What an energy is not: "atomisation" for a total energy and the other way round."""
    if prop.key == "atomization_energy":
        return "total"
    return "atomisation" if prop.key in TOTAL_ENERGIES else None


def free_atoms(dataset: Dataset, prop: Property, rows: Rows) -> Floats | None:
    """(n,) energy of the free atoms of the molecules at `rows`, eV; None where the dataset does not tell.

    From the atomic energies of the card, or from total and atomisation energy, which the dataset may both hold.
    """
    molecules = dataset.molecules
    totals = [prop.key] if prop.key in TOTAL_ENERGIES else [key for key in TOTAL_ENERGIES if key in molecules.columns]
    for key in totals:
        known = {NUMBERS[symbol]: value for symbol, value in dataset.card.atomic_energies.get(key, {}).items()}
        if known and all(number in known for number in molecules.elements):
            return molecules.element_counts[rows] @ np.array([known[number] for number in molecules.elements])
    atomisation = molecules.columns.get("atomization_energy")
    for key in totals:
        total = molecules.columns.get(key)
        if total is not None and atomisation is not None:
            return np.asarray(total[rows] - atomisation[rows])
    return None


def composition_fit(dataset: Dataset, rows: Rows, values: Floats, prop: Property) -> Floats | None:
    """(n_elements,) least squares of values (n,) in atom counts, of intensive ones in shares; None for too few."""
    features = _features(dataset, rows, prop)
    if len(rows) < 2 * features.shape[1]:
        return None
    found, *_ = np.linalg.lstsq(features, values, rcond=None)
    return np.asarray(found)


def composition_values(dataset: Dataset, rows: Rows, fit: Floats, prop: Property) -> Floats:
    """(n,) what `composition_fit` says of the molecules at `rows`."""
    return np.asarray(_features(dataset, rows, prop) @ fit)


def _features(dataset: Dataset, rows: Rows, prop: Property) -> Floats:
    counts = dataset.molecules.element_counts[rows].astype(np.float64)
    return counts if prop.extensive else counts / counts.sum(axis=1, keepdims=True)


def converted(
    dataset: Dataset, prop: Property, rows: Rows, values: Floats, unit: str, kind: str, fit: Floats | None
) -> Floats | None:
    """(n,) values as the property in its own unit; None where the dataset has not what the conversion takes.

    Args:
        fit: of `composition_fit`, which residuals are added to.
    """
    scaled = values * factor(unit, prop.unit)
    kind = own_kind(prop, kind)
    if kind == "target":
        return scaled
    if kind == "error":
        return scaled + np.asarray(dataset.molecules.columns[prop.key])[rows]
    if kind == "residual":
        return None if fit is None else scaled + composition_values(dataset, rows, fit, prop)
    atoms = free_atoms(dataset, prop, rows)
    if atoms is None:
        return None
    return scaled + atoms if kind == "atomisation" else scaled - atoms


def all_fits(dataset: Dataset, prop: Property, rows: Rows, values: Floats) -> list[Fit]:
    """Every unit and kind with its median error, the best first; empty where no molecule has a label.

    Errors are left out: small numbers always look like good ones.
    """
    labels = np.asarray(dataset.molecules.columns[prop.key])[rows]
    known = np.flatnonzero(np.isfinite(labels) & np.isfinite(values))
    if not len(known):
        return []
    if len(known) > _SAMPLE:
        known = known[np.linspace(0, len(known) - 1, _SAMPLE).astype(np.int64)]
    rows, values, labels = rows[known], values[known], labels[known]
    fit = composition_fit(dataset, rows, labels, prop)
    # small numbers added to the fit look as good as the fit alone: residuals have to be better than none at all
    alone = 0.0 if fit is None else float(np.median(np.abs(composition_values(dataset, rows, fit, prop) - labels)))
    found = []
    for unit in units_for(prop.unit) or (prop.unit,):
        for kind in kinds_for(dataset, prop):
            told = None if kind == "error" else converted(dataset, prop, rows, values, unit, kind, fit)
            error = np.inf if told is None else float(np.median(np.abs(told - labels)))
            if told is not None and (kind != "residual" or error < BETTER * alone):
                found.append(Fit(unit, kind, error))
    # of two that are as good, the plain one
    return sorted(found, key=lambda each: (each.error, each.kind != "target", each.unit != prop.unit))


def ratio_of(dataset: Dataset, prop: Property, rows: Rows, values: Floats) -> float | None:
    """Median of label over value; None where no molecule has both."""
    labels = np.asarray(dataset.molecules.columns[prop.key])[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = labels / values
    ratio = ratio[np.isfinite(ratio)]
    return float(np.median(ratio)) if len(ratio) else None


def shift_per_element(dataset: Dataset, prop: Property, rows: Rows, predicted: Floats) -> tuple[Floats, float] | None:
    """A constant for every element (n_elements,) that most of the errors consist of, and the median error without it.

    None where there is no such thing: then the errors are those of a model.
    """
    errors = predicted - np.asarray(dataset.molecules.columns[prop.key])[rows]
    known = np.flatnonzero(np.isfinite(errors))
    if not prop.extensive or len(known) < 10 * len(dataset.molecules.elements):
        return None
    fit = composition_fit(dataset, rows[known], errors[known], prop)
    if fit is None:
        return None
    without = float(np.median(np.abs(errors[known] - composition_values(dataset, rows[known], fit, prop))))
    with_it = float(np.median(np.abs(errors[known])))
    return (fit, without) if with_it > DOUBT * without and with_it > 1e-9 else None
