"""What a file with free columns holds, in its own names and units; and the way from there to a dataset."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data.card import Card, CardProperty
from core.data.importers.columns import ColumnMap, Inspection, Mapped
from core.data.importers.guessing import guess_columns
from core.data.molecules import Molecules, check_molecules
from core.data.plausibility import likely_length
from core.data.properties import PROPERTIES, Property
from core.data.units import factor, house_unit, units_for
from core.errors import MollensError

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_RESERVED = {
    "id", "ids", "formula", "atoms", "heavy_atoms", "heavy", "smiles", "size", "sizes", "element", "elements", "split",
    "row", "rows", "numbers", "positions", "target", "predicted", "error", "baseline",
}  # fmt: skip
_LONGEST_SMILES = 1000
_TARGETS = ("energy_U0", "energy", "atomization_energy")


@dataclass(frozen=True, eq=False)
class Raw:
    """Molecules of a file, or the first of them, as the file has them. Importers of free columns deliver this."""

    numbers: NDArray[np.uint8]
    """(n_atoms,) atomic numbers"""
    positions: NDArray[np.float64]
    """(n_atoms, 3) in the file's unit of length"""
    first_atom: NDArray[np.int64]
    """(n_molecules + 1,)"""
    ids: NDArray[np.int64]
    """(n_molecules,) unique"""
    columns: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """name in the file -> (n_molecules, ...) values in the file's unit, NaN where missing"""
    atom_columns: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """name in the file -> (n_atoms, ...)"""
    smiles: NDArray[np.bytes_] | None = None
    """(n_molecules,)"""
    stated_units: Mapping[str, str] = field(default_factory=dict)
    """name in the file -> unit, where the file itself states it"""
    stated_lengths: str | None = None
    """unit of the coordinates where the format fixes it"""
    ase_units: bool = False
    """whether the format's usage is eV and Angstrom"""
    not_read: tuple[str, ...] = ()
    """names of further columns, which nobody asked for"""
    notes: tuple[str, ...] = ()
    """sentences to show: what was passed over, where the ids come from"""


def smiles_array(texts: Iterable[bytes]) -> NDArray[np.bytes_]:
    """(n,) SMILES; one that is no plain ASCII or longer than any molecule's is left out."""
    return np.array(
        [text if len(text) <= _LONGEST_SMILES and text.isascii() else b"" for text in texts], dtype=np.bytes_
    )


def inspection(raw: Raw, format: str, title: str, n_molecules: int | None) -> Inspection:
    """What was found in a file, from a sample of its molecules; guesses with their reasons."""
    known = {key: values for key, values in raw.columns.items() if values.size}
    bare = replace(raw, columns={}, atom_columns={})
    in_angstrom = bare_molecules(bare, 1.0)
    lengths, why = (raw.stated_lengths, "") if raw.stated_lengths else likely_length(in_angstrom)
    if lengths not in (None, "Angstrom"):
        in_angstrom = bare_molecules(bare, factor(str(lengths), "Angstrom"))
    notes = raw.notes if raw.stated_lengths else (*raw.notes, f"coordinates: {why}")
    columns = guess_columns(in_angstrom, known, raw.atom_columns, raw.stated_units, raw.ase_units)
    guessed_length = None if raw.stated_lengths else lengths or "Angstrom"
    return Inspection.model_validate(
        {
            "format": format,
            "title": title,
            "n_molecules": n_molecules,
            "columns": columns,
            "lengths": guessed_length,
            "needs_mapping": True,
            "notes": notes,
        }
    )


def bare_molecules(raw: Raw, to_angstrom: float) -> Molecules:
    """The molecules without any property."""
    return Molecules(
        numbers=raw.numbers,
        positions=raw.positions if to_angstrom == 1.0 else raw.positions * to_angstrom,
        first_atom=raw.first_atom,
        ids=raw.ids,
        smiles=raw.smiles,
    )


def to_molecules(raw: Raw, columns: ColumnMap, path: Path, format: str) -> tuple[Molecules, Card]:
    """The molecules with the columns that were chosen, in Mollens's units, and a card for them.

    Raises:
        MollensError: for a column that is not there, a unit that does not fit, one key given twice, or molecules that
            no dataset may hold.
    """
    chosen = check_columns(raw, columns, path)
    lengths = raw.stated_lengths or columns.lengths
    of_molecules = {p.key: _converted(raw.columns[m.source], m, p) for m, p in chosen if not p.per_atom}
    of_atoms = {p.key: _converted(raw.atom_columns[m.source], m, p) for m, p in chosen if p.per_atom}
    bare = bare_molecules(raw, factor(lengths, "Angstrom"))
    molecules = replace(bare, columns=of_molecules, atom_columns=of_atoms)
    check_molecules(molecules, str(path))
    properties = [prop for _, prop in chosen]
    possible = [p.key for p in properties if p.output]
    card = Card(
        name="imported",
        title=_title(path),
        properties=tuple(card_property(prop) for prop in properties),
        default_target=next((key for key in (*_TARGETS, *possible) if key in possible), None),
        source={
            "file": path.name,
            "format": format,
            "columns": {m.key: {"column": m.source, "unit": m.unit} for m, _ in chosen},
            "lengths": lengths,
            **({"notes": list(raw.notes)} if raw.notes else {}),
        },
        n_molecules=molecules.n_molecules,
        n_atoms=molecules.n_atoms,
    )
    return molecules, card


def card_property(prop: Property) -> CardProperty:
    """A property as a card lists it."""
    return CardProperty(
        key=prop.key,
        label=prop.label,
        unit=prop.unit,
        description=prop.description,
        extensive=prop.extensive,
        per_atom=prop.per_atom,
        shape=prop.shape,
        output=prop.output,
    )


def check_columns(raw: Raw, columns: ColumnMap, path: Path) -> list[tuple[Mapped, Property]]:
    """The chosen columns with the properties that they become.

    Raises:
        MollensError: for a column that is not there, a key that is not allowed, or a unit or shape that does not fit.
    """
    chosen: list[tuple[Mapped, Property]] = []
    seen: dict[str, str] = {}
    for mapped in columns.columns:
        here = {**raw.columns, **raw.atom_columns}
        if mapped.source not in here:
            names = ", ".join(dict.fromkeys((*here, *raw.not_read))) or "no columns of numbers"
            raise MollensError(f"{path}: has no column {mapped.source!r}; it has {names}")
        prop = property_of(mapped, mapped.source in raw.atom_columns, here[mapped.source].shape[1:])
        if prop.key.lower() in seen:
            raise MollensError(
                f"key {prop.key!r}: is given to {seen[prop.key.lower()]!r} and {mapped.source!r}; choose one"
            )
        seen[prop.key.lower()] = mapped.source
        chosen.append((mapped, prop))
    return chosen


def property_of(mapped: Mapped, per_atom: bool, shape: tuple[int, ...]) -> Property:
    """The property that a column becomes, with values of `shape` per molecule or per atom.

    Raises:
        MollensError: if key, unit or shape do not allow it.
    """
    what = f"column {mapped.source!r}"
    known = PROPERTIES.get(mapped.key)
    if known is not None:
        if known.per_atom != per_atom or known.shape != shape:
            found, expected = _form(per_atom, shape), _form(known.per_atom, known.shape)
            raise MollensError(f"{what}: has {found}; {mapped.key} has {expected}; choose another key")
        if not mapped.unit and known.unit:
            raise MollensError(f"{what}: its unit is not said; give one of {', '.join(units_for(known.unit))}")
        factor(mapped.unit, known.unit)
        return known
    if not _KEY.fullmatch(mapped.key) or mapped.key.lower() in _RESERVED or mapped.key.lower() in _LOWER:
        raise MollensError(
            f"{what}: key {mapped.key!r} is not allowed; use a letter, then up to 63 letters, digits and '_', "
            "and no word that Mollens itself uses"
        )
    unit = mapped.house_unit or house_unit(mapped.unit) or mapped.unit
    factor(mapped.unit, unit)
    output = {"extensive": "sum", "intensive": "mean"}.get(mapped.kind) if not per_atom and shape == () else None
    return Property(
        key=mapped.key,
        label=_plain(mapped.label, 60) or mapped.key,
        unit=_plain(unit, 30),
        description=_plain(mapped.description, 300),
        extensive=mapped.kind == "extensive",
        per_atom=per_atom,
        output=output,  # type: ignore[arg-type]
        shape=shape,
    )


_LOWER = {key.lower() for key in PROPERTIES}


def _form(per_atom: bool, shape: tuple[int, ...]) -> str:
    return (
        f"{' x '.join(map(str, shape)) or 'one'} value{'s' if shape else ''} per {'atom' if per_atom else 'molecule'}"
    )


def _converted(values: NDArray[np.float64], mapped: Mapped, prop: Property) -> NDArray[np.float64]:
    scale = factor(mapped.unit, prop.unit)
    values = np.where(np.isinf(values), np.nan, values) if np.isinf(values).any() else values
    return values if scale == 1.0 else values * scale


def _plain(text: str, most: int) -> str:
    """Text of one line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:most]


def _title(path: Path) -> str:
    return re.sub(r"(\.(xyz|extxyz|json|npz|db|zip|gz|xz|bz2))+$", "", path.name, flags=re.IGNORECASE) or path.name
