"""What the columns of a file probably are: from their names, stated units and numbers; always with the reason."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.data.importers.columns import Mapped, SourceColumn
from core.data.molecules import Molecules
from core.data.plausibility import likely_units
from core.data.properties import PROPERTIES, Property
from core.data.reference_levels import TOTAL_ENERGIES
from core.data.units import fits, unit_in_name, usual_spelling

Floats = NDArray[np.float64]

# name without marks, in lower case -> key; as QM9's own table, MoleculeNet, JARVIS, PyTorch Geometric and ASE have it
_NAMES: dict[str, str] = {
    **dict.fromkeys(
        ("e", "energy", "energies", "etot", "totalenergy", "totenergy", "potentialenergy", "epot", "escf"), "energy"
    ),
    **dict.fromkeys(("u0", "energyu0", "internalenergy0k"), "energy_U0"),
    **dict.fromkeys(("u", "u298", "u29815", "energyu", "internalenergy"), "energy_U"),
    **dict.fromkeys(("h", "h298", "h29815", "enthalpyh", "enthalpy"), "enthalpy_H"),
    **dict.fromkeys(("g", "g298", "g29815", "freeenergy", "freeenergyg", "gibbs", "gibbsfreeenergy"), "free_energy"),
    **dict.fromkeys(
        ("eat", "ae", "u0atom", "energyu0atom", "atomizationenergy", "atomisationenergy", "atomization", "atomisation"),
        "atomization_energy",
    ),
    **dict.fromkeys(("zpve", "zpe", "zeropointenergy"), "zpve"),
    **dict.fromkeys(("homo", "ehomo", "epshomo", "homoenergy"), "homo"),
    **dict.fromkeys(("lumo", "elumo", "epslumo", "lumoenergy"), "lumo"),
    **dict.fromkeys(("gap", "homolumogap", "deltaeps", "egap"), "gap"),
    **dict.fromkeys(("mu", "dipole", "dipolemoment", "dipolenorm"), "dipole_moment"),
    **dict.fromkeys(("alpha", "polarizability", "isotropicpolarizability"), "isotropic_polarizability"),
    **dict.fromkeys(("r2", "r2abs", "electronicspatialextent"), "electronic_spatial_extent"),
    **dict.fromkeys(("cv", "heatcapacity"), "heat_capacity"),
    **{f"{start}{letter}": f"rotational_constant_{letter.upper()}" for start in ("", "rotationalconstant", "rot")
       for letter in "abc"},
}  # fmt: skip
_VECTORS = dict.fromkeys(("mu", "dipole", "dipolemoment", "dipolevector", "dipoles"), "dipole_vector")
_ATOM_NAMES = dict.fromkeys(
    ("charges", "charge", "q", "partialcharges", "mulliken", "mullikencharges", "hirshfeldcharges", "initialcharges"),
    "partial_charges",
)
_ATOM_VECTORS = dict.fromkeys(("f", "force", "forces"), "forces")
_WORDS_TO_DROP = {
    "ref", "reference", "target", "dft", "mace", "qm9", "g4mp2", "b3lyp", "pbe", "pbe0", "mp2", "hf", "ccsd", "ccsdt",
    "xtb", "gfn2", "scf",
}  # fmt: skip
_NOT_HERE = {
    "gradient": "gradients are minus the forces: turn their sign before importing them as forces",
    "gradients": "gradients are minus the forces: turn their sign before importing them as forces",
    **{
        f"{letter}298atom": "an atomisation energy at 298 K; Mollens's own key is the one at 0 K, so give it a key"
        for letter in "uhg"
    },
}


def guess_columns(
    molecules: Molecules,
    columns: Mapping[str, Floats],
    atom_columns: Mapping[str, Floats],
    stated: Mapping[str, str],
    ase_units: bool = False,
) -> tuple[SourceColumn, ...]:
    """Every column of a file with what it probably is.

    Args:
        molecules: a sample, in Angstrom.
        columns, atom_columns: name in the file -> values of the sample, (n, ...) and (n_atoms, ...).
        stated: name in the file -> unit that the file states.
        ase_units: the format's usage is eV and Angstrom.
    """
    all_columns = [(name, values, False) for name, values in columns.items()]
    all_columns += [(name, values, True) for name, values in atom_columns.items()]
    first = [_guess(*column, molecules, stated, ase_units, None) for column in all_columns]
    energies = {
        column.guess.unit
        for column in first
        if column.guess and column.guess.key in TOTAL_ENERGIES and "numbers" in column.reason
    }
    hint = energies.pop() if len(energies) == 1 else None
    if hint is None:
        return tuple(first)
    return tuple(_guess(*column, molecules, stated, ase_units, hint) for column in all_columns)


def _guess(
    name: str,
    values: Floats,
    per_atom: bool,
    molecules: Molecules,
    stated: Mapping[str, str],
    ase_units: bool,
    hint: str | None,
) -> SourceColumn:
    base, named_unit = unit_in_name(name)
    key, why = _key_of(base, values.shape[1:], per_atom)
    if key is None and named_unit is not None:  # the end of the name was no unit: rotational_constant_A
        key, why = _key_of(name, values.shape[1:], per_atom)
    column = SourceColumn(
        name=name,
        per_atom=per_atom,
        shape=values.shape[1:],
        example=example(values),
        stated_unit=stated.get(name),
        reason=why,
    )
    if key is None:
        return column
    prop = PROPERTIES[key]
    unit, why_unit = _unit_of(prop, values, molecules, stated.get(name), named_unit, ase_units, hint)
    guess = Mapped(source=name, key=key, unit=unit)
    return column.model_copy(update={"guess": guess, "reason": f"{why}; {why_unit}"})


def _key_of(name: str, shape: tuple[int, ...], per_atom: bool) -> tuple[str | None, str]:
    words = [word for word in re.split(r"[\W_]+", name) if word.lower() not in _WORDS_TO_DROP]
    plain = "".join(words).lower()
    tables = {(False, ()): _NAMES, (False, (3,)): _VECTORS, (True, ()): _ATOM_NAMES, (True, (3,)): _ATOM_VECTORS}
    if plain in _NOT_HERE:
        return None, _NOT_HERE[plain]
    key = tables.get((per_atom, shape), {}).get(plain)
    if key is None:
        return None, "the name tells nothing; give it a key, or leave it out"
    return key, f"{PROPERTIES[key].label} is often named so"


def _unit_of(
    prop: Property,
    values: Floats,
    molecules: Molecules,
    stated: str | None,
    named: str | None,
    ase_units: bool,
    hint: str | None,
) -> tuple[str, str]:
    likely = likely_units(prop, values, molecules)
    for unit, where in ((stated, "is stated in the file"), (named, "stands in the name")):
        if unit is not None and fits(unit, prop.unit):
            spelled = usual_spelling(unit, prop.unit)
            doubt = f", but the numbers look like {likely[0]}" if likely and spelled not in likely else ""
            return spelled, f"{spelled} {where}{doubt}"
    if prop.unit == "eV/Angstrom":
        forces = {"eV": "eV/Angstrom", "kcal/mol": "kcal/mol/Angstrom", "kJ/mol": "kJ/mol/Angstrom"}.get(hint or "")
        if forces is not None:
            return forces, f"{forces} goes with the energy"
        if hint == "Ha":
            return "Ha/Bohr", "Ha/Bohr goes with the energy, but Ha/Angstrom is used too"
    if prop.unit == "eV" and hint is not None and prop.key not in TOTAL_ENERGIES and (not likely or hint in likely):
        return hint, f"{hint} as the total energy"
    if prop.unit in ("eV", "eV/Angstrom") and ase_units and (not likely or prop.unit in likely):
        told = " and the numbers agree" if likely else ""
        return prop.unit, f"{prop.unit} is usual in this format{told}"
    if likely and prop.unit == "eV":
        if prop.key in TOTAL_ENERGIES:
            return likely[0], f"the numbers are those of total energies in {likely[0]}"
        return likely[0], f"the numbers are sane in {likely[0]}"
    if likely and prop.unit not in likely:
        return likely[0], f"the numbers are sane in {likely[0]}, not in {prop.unit}"
    return prop.unit, f"{prop.unit} is usual; check it" if prop.unit else "a pure number"


def example(values: Floats, n: int = 3) -> str:
    """A few values as text, those that are there first."""
    flat = np.asarray(values).reshape(len(values), -1)
    some = flat[np.isfinite(flat).all(axis=1)][:n]
    if not len(some):
        return "no value"
    if flat.shape[1] == 1:
        return ", ".join(f"{value:.7g}" for value in some[:, 0])
    return "; ".join(
        "(" + ", ".join(f"{v:.4g}" for v in row[:6]) + ("..." if len(row) > 6 else "") + ")" for row in some[:2]
    )
