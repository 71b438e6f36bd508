"""Whether numbers can be what they are said to be: wrong units of labels and coordinates, and single far values.

These are warnings, never refusals: a set may be unusual. They must not cry out over real sets: levels are wide, and a
total energy is compared with free atoms only where the method counts all electrons.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from core.data.molecules import Molecules
from core.data.properties import Property
from core.data.reference_levels import (
    LEVELS,
    POSITIVE,
    TOTAL_ENERGIES,
    free_atoms,
    level_of,
    relative_contacts,
    rotational_constants_b,
)
from core.data.units import factor, units_for

Floats = NDArray[np.float64]

SAMPLE = 2000  # molecules that distances and levels are taken from
FAR = 100  # robust standard deviations off the fit of the others
_BONDED = {"Angstrom": (0.6, 1.45), "Bohr": (1.45, 2.7), "nm": (0.06, 0.145)}
"""nearest distance over the sum of covalent radii, in the middle of a set, by the unit of its coordinates"""


def warnings(
    molecules: Molecules, properties: Iterable[Property], units: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """What looks wrong, a sentence each; nothing where all is well.

    Args:
        properties: those of the columns that are looked at.
        units: property key -> unit of the file, of which the values were converted; by default Mollens's own.
    """
    some = sample(molecules)
    found = list(_lengths(some))
    for prop in properties:
        unit = (units or {}).get(prop.key, prop.unit)
        column = (molecules.atom_columns if prop.per_atom else molecules.columns).get(prop.key)
        few = (some.atom_columns if prop.per_atom else some.columns).get(prop.key)
        if column is None or few is None or not np.isfinite(few).any():
            continue
        told = list(_level(prop, few, some, unit))
        if not told and prop.key in TOTAL_ENERGIES:
            told = list(_total_energy(prop, few, some, unit))
        if not told and prop.key == "rotational_constant_B":
            told = list(_rotation(few, some))
        found += told
        if not prop.per_atom and column.ndim == 1 and not prop.key.startswith("rotational_constant"):
            found += _far_values(prop, column, molecules)
    return tuple(found)


def sample(molecules: Molecules, n: int = SAMPLE) -> Molecules:
    """At most `n` molecules, evenly spread."""
    if molecules.n_molecules <= n:
        return molecules
    return molecules.take(np.linspace(0, molecules.n_molecules - 1, n).astype(np.int64))


def likely_length(molecules: Molecules) -> tuple[str | None, str]:
    """The unit that the coordinates are likely in, and why; None where no distance tells."""
    nearest, relative = relative_contacts(sample(molecules))
    if not np.isfinite(relative).any():
        return None, "no molecule has two atoms"
    middle, distance = float(np.nanmedian(relative)), float(np.nanmedian(nearest))
    for unit, (low, high) in _BONDED.items():
        if low <= middle < high:
            return unit, f"nearest atoms are {distance:.3g} apart, a bond in {unit}"
    return None, f"nearest atoms are {distance:.3g} apart, a bond in no usual unit"


def likely_units(prop: Property, values: Floats, molecules: Molecules) -> tuple[str, ...]:
    """Units in which the numbers of a column would be sane for `prop`; empty where numbers cannot tell."""
    if prop.key in TOTAL_ENERGIES:
        ratio = _all_electron_ratio(np.asarray(values, dtype=np.float64), molecules)
        if ratio is None:
            return ()
        factors = {unit: factor(unit, prop.unit) for unit in units_for(prop.unit)}
        if any(_fits_valence(values * size, molecules) for size in factors.values()):
            return ()
        return tuple(unit for unit, size in factors.items() if 0.985 < ratio * size < 1.02)
    middle, level = level_of(prop.key, values, molecules), LEVELS.get(prop.key)
    if middle is None or level is None:
        return ()
    return tuple(unit for unit in units_for(prop.unit) if level.low <= middle * factor(unit, prop.unit) <= level.high)


def _lengths(molecules: Molecules) -> Iterator[str]:
    nearest, relative = relative_contacts(molecules)
    if not np.isfinite(nearest).any():
        return
    middle, distance = float(np.nanmedian(relative)), float(np.nanmedian(nearest))
    low, high = _BONDED["Angstrom"]
    if low <= middle < high and 0.5 <= distance <= 3:
        return
    fit = [unit for unit, (low, high) in _BONDED.items() if low <= middle < high and unit != "Angstrom"]
    advice = f"the numbers would fit coordinates in {fit[0]}" if fit else "check the unit of the coordinates"
    if fit or middle < low or np.nanmin(nearest) > 3:
        yield f"coordinates: nearest atoms are {distance:.3g} Angstrom apart, usual are 0.7 to 1.6; {advice}"


def _level(prop: Property, values: Floats, molecules: Molecules, unit: str) -> Iterator[str]:
    middle, level = level_of(prop.key, values, molecules), LEVELS.get(prop.key)
    if middle is None or level is None:
        return
    each = " per atom" if level.per_atom else ""
    if level.low <= middle <= level.high:
        negative = float((values < 0).mean()) if prop.key in POSITIVE else 0.0
        if negative > 0.05:
            yield (
                f"{prop.key}: {negative:.0%} of the values are negative, which it cannot be; the column may be "
                "standardised (mean 0, spread 1) or another quantity"
            )
        return
    sane = f"usual is {level.low:g} to {level.high:g} {prop.unit}{each}"
    if prop.key == "atomization_energy" and level.low <= -middle <= level.high:
        yield f"{prop.key}: the middle is +{middle:.4g} {prop.unit}{each}; Mollens takes bound molecules as negative"
        return
    advice = _advice(prop, middle, unit)
    yield f"{prop.key}: the middle of the values is {middle:.4g} {prop.unit}{each}, {sane}; {advice}"


def _advice(prop: Property, middle: float, unit: str) -> str:
    """What would bring the middle of the values to its level: another unit of the file, or a plain factor."""
    level, in_file = LEVELS[prop.key], factor(unit, prop.unit)
    others = [
        other
        for other in units_for(prop.unit)
        if other != unit and level.low <= middle * factor(other, prop.unit) / in_file <= level.high
    ]
    if prop.key in POSITIVE and middle <= 0:
        return "it cannot be negative; the column may be standardised (mean 0, spread 1) or another quantity"
    if not others:
        return f"the numbers are in no unit that Mollens knows; check the column that was taken as {unit or 'a number'}"
    hundred = " (or a hundred times too large)" if level.low <= middle / 100 <= level.high else ""
    return f"the numbers would fit {' or '.join(others[:3])} instead of {unit}{hundred}"


def _all_electron_ratio(values: Floats, molecules: Molecules) -> float | None:
    """Total energy over the free atoms' with all electrons, where it is the same for molecules of all compositions.

    None where it is not, as for methods that count valence electrons only and for energies relative to atoms.
    """
    middle, spread = _middle(values / free_atoms(molecules))
    return middle if middle != 0 and spread < 0.006 * abs(middle) else None


def _fits_valence(values: Floats, molecules: Molecules) -> bool:
    """Whether the values are near the free atoms' valence energies, and as evenly so as near those of all electrons.

    Molecules of one composition cannot tell a valence method from all electrons in another unit.
    """
    valence, spread = _middle(values / free_atoms(molecules, valence=True))
    _, spread_all = _middle(values / free_atoms(molecules))
    return 0.85 < valence < 1.3 and spread <= spread_all + 1e-3


def _middle(ratio: Floats) -> tuple[float, float]:
    """Median and median deviation from it; 0 and 0 where there is no value."""
    ratio = ratio[np.isfinite(ratio)]
    if not len(ratio):
        return 0.0, 0.0
    middle = float(np.median(ratio))
    return middle, float(np.median(np.abs(ratio - middle)))


def _total_energy(prop: Property, values: Floats, molecules: Molecules, unit: str) -> Iterator[str]:
    lowest, _ = _middle(values / free_atoms(molecules))
    ratio = _all_electron_ratio(values, molecules)
    if ratio is not None and not 0.97 < ratio < 1.03 and not _fits_valence(values, molecules):
        in_file = factor(unit, prop.unit)
        fit = [u for u in units_for(prop.unit) if u != unit and 0.985 < ratio * factor(u, prop.unit) / in_file < 1.02]
        tens = [k for k in (-3, -2, -1, 1, 2, 3) if 0.985 < ratio / 10.0**k < 1.02]
        about = f"{prop.key}: the values are {ratio:.4g} times the free atoms' total energy, expected is 1.00 to 1.01"
        if fit:
            yield f"{about}; the numbers would fit {fit[0]} instead of {unit}"
            return
        if tens:
            yield f"{about}; the numbers are {10.0 ** abs(tens[0]):g} times too {'large' if tens[0] > 0 else 'small'}"
            return
        if -1.02 < ratio < -0.98:
            yield f"{prop.key}: the values are positive; total energies of molecules are negative, so check the sign"
            return
    if lowest > 1.1:
        yield (
            f"{prop.key}: the values are {lowest:.3g} times the free atoms' total energy with all electrons, lower "
            f"than any method gives; check the unit, taken as {unit}, or whether they are a hundred times too large"
        )


def _rotation(values: Floats, molecules: Molecules) -> Iterator[str]:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = values / rotational_constants_b(molecules)
    ratio = ratio[np.isfinite(ratio)]
    if not len(ratio) or 0.8 < (middle := float(np.median(ratio))) < 1.25:
        return
    named = {1000.0: "MHz", 1 / 29.9792458: "cm^-1"}
    fit = [f"; the numbers would fit {unit}" for size, unit in named.items() if 0.8 < middle / size < 1.25]
    advice = fit[0] if fit else "; check its unit and that of the coordinates"
    yield f"rotational constants: the values are {middle:.4g} times those of the coordinates{advice}"


def _far_values(prop: Property, values: Floats, molecules: Molecules) -> Iterator[str]:
    """Molecules whose value is far off what the others have; of an extensive property after a fit to composition."""
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < 10:
        return
    y = np.asarray(values, dtype=np.float64)[known]
    if prop.extensive:
        y = y - _least_absolute(molecules.element_counts[known].astype(np.float64), y)
    off = np.abs(y - np.median(y))
    width = 1.4826 * float(np.median(off))
    far = known[off > FAR * width] if width > 1e-9 else known[:0]
    if len(far) == 0 or len(far) > max(1, len(known) // 100):
        return  # so many are no slip of single molecules but the way the property is spread
    worst = far[np.argsort(-off[np.searchsorted(known, far)])][:5]
    ids = ", ".join(str(molecules.ids[row]) for row in worst) + (" and others" if len(far) > 5 else "")
    yield (
        f"{prop.key}: {len(far)} molecule{'s' if len(far) > 1 else ''} far off the fit of the others "
        f"(id {ids}; {values[worst[0]]:.6g} {prop.unit} is {off.max() / width:.0f} times the usual spread off)"
    )


def _least_absolute(counts: Floats, y: Floats, rounds: int = 12) -> Floats:
    """(n,) fit of y linear in counts (n, n_elements) by least absolute deviations, which single far values do not bend.

    Iteratively reweighted least squares.
    """
    weights = np.ones(len(y))
    fitted = np.zeros(len(y))
    floor = 1e-6 * float(np.median(np.abs(y))) + 1e-12
    for _ in range(rounds):
        normal = counts.T @ (counts * weights[:, None])
        fitted = counts @ np.linalg.lstsq(normal, counts.T @ (weights * y), rcond=None)[0]
        weights = 1 / np.maximum(np.abs(y - fitted), floor)
        weights /= weights.max()
    return fitted
