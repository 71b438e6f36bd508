"""ASE databases: SQLite (.db) and JSON; with SchNetPack's metadata, which states keys, units and atomic energies.

SchNetPack's databases (K. T. Schütt et al., J. Chem. Phys. 158, 144801 (2023)) need no mapping where each of their
properties is one of Mollens's with a unit that fits, or has a name that a new property may have.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core.data.card import Card
from core.data.importers.ase_rows import connected, count_rows, read_json, read_metadata, read_sqlite
from core.data.importers.ase_table import CALCULATED, CALCULATOR, Table
from core.data.importers.columns import ColumnMap, Inspection, Kind, Length, Mapped, MappingNeeded
from core.data.importers.raw import Raw, check_columns, inspection, smiles_array, to_molecules
from core.data.molecules import SYMBOLS, Molecules
from core.data.properties import PROPERTIES
from core.data.units import factor, fits, house_unit, usual_spelling
from core.errors import MollensError

Progress = Callable[[int, int], None]
TITLE = "ASE database (.db or .json), also SchNetPack's"

_SQLITE = b"SQLite format 3\0"
_JSON = re.compile(rb'\s*\{\s*"\d+"\s*:\s*\{')
_LMDB = (b"\xde\xc0\xef\xbe", b"\xbe\xef\xc0\xde")  # at byte 16
_SAMPLE = 2000
_LARGEST_ID = 2**53
_UNITS = {"energy": "eV", "forces": "eV/Angstrom", "dipole": "e*Angstrom", "charges": "e"}
_LENGTHS: dict[str, Length] = {
    "ang": "Angstrom", "angs": "Angstrom", "angstrom": "Angstrom", "a": "Angstrom", "bohr": "Bohr", "a0": "Bohr",
    "nm": "nm",
}  # fmt: skip
_NO_UNIT = {"", "arb. unit", "arb.unit", "none", "1"}
_SMILES = ("smiles", "SMILES", "canonical_smiles")
_ID = "source_id"
_ABOUT = ("title", "citation", "license", "level_of_theory")


def accepts(path: Path) -> bool:
    """Whether it is a SQLite file, an LMDB file, or JSON with numbered rows as ASE writes it."""
    if path.is_dir():
        return False
    with open(path, "rb") as file:
        head = file.read(4096)
    return head.startswith(_SQLITE) or _is_lmdb(head) or _is_json(head)


def inspect(path: Path) -> Inspection:
    """Count, columns with guesses, and whether the file itself says what they are."""
    table = _read(path, _SAMPLE, lambda done, total: None)
    raw = _raw(table)
    stated = _stated_columns(raw, table.metadata, path)
    title = "ASE database" if "_property_unit_dict" not in table.metadata else "ASE database of SchNetPack"
    n = count_rows(path) if _kind(path) == "sqlite" else None
    found = inspection(raw, "ase_db", title, n)
    if stated is None:
        return found
    told = {mapped.source: mapped for mapped in stated.columns}
    columns = tuple(
        c.model_copy(update={"guess": told.get(c.name), "reason": "its key and unit are stated in the file"})
        if c.name in told
        else c.model_copy(update={"guess": None, "reason": "not among the properties that the file states"})
        for c in found.columns
    )
    return found.model_copy(update={"columns": columns, "needs_mapping": False})


def sample(path: Path, n: int) -> Raw:
    """The first `n` rows with all their columns."""
    return _raw(_read(path, n, lambda done, total: None))


def read(path: Path, columns: ColumnMap | None, progress: Progress) -> tuple[Molecules, Card]:
    """All rows with the columns that were chosen; without `columns`, with those that SchNetPack's metadata state.

    Raises:
        MappingNeeded: without `columns` where the file does not state what its columns are.
        MollensError: for a database that is damaged, locked, empty, of another version, or has a periodic row.
    """
    if columns is None and not _states_columns(path):
        raise MappingNeeded(str(path), inspect(path))
    table = _read(path, None, progress)
    raw = _raw(table)
    chosen = columns if columns is not None else _stated_columns(raw, table.metadata, path)
    if chosen is None:
        raise MappingNeeded(str(path), inspect(path))
    molecules, card = to_molecules(raw, chosen, path, "ase_db")
    return molecules, _with_metadata(card, molecules, chosen, table.metadata)


def _is_lmdb(head: bytes) -> bool:
    return head[16:20] in _LMDB and not head.startswith(_SQLITE)


def _is_json(head: bytes) -> bool:
    return (_JSON.match(head) is not None and b'"unique_id"' in head) or head.startswith(b'{"ids"')


def _kind(path: Path) -> str:
    with open(path, "rb") as file:
        head = file.read(4096)
    if _is_lmdb(head):
        raise MollensError(
            f"{path}: is an LMDB database, which ASE itself cannot open; where its package is installed, convert it "
            "with `ase db FILE --insert-into molecules.db`"
        )
    if head.startswith(_SQLITE):
        return "sqlite"
    if _is_json(head):
        return "json"
    raise MollensError(f"{path}: is no ASE database; expected SQLite or JSON as `ase.db` writes them")


def _read(path: Path, most: int | None, progress: Progress) -> Table:
    return (read_sqlite if _kind(path) == "sqlite" else read_json)(path, most, progress)


def _states_columns(path: Path) -> bool:
    """Whether the metadata list properties with their units; cheap for SQLite, so that a person is asked at once."""
    if _kind(path) != "sqlite":
        return True  # known only after reading
    with connected(path) as connection:
        return isinstance(read_metadata(path, connection).get("_property_unit_dict"), dict)


def _raw(table: Table) -> Raw:
    """The rows as any format delivers them."""
    first_atom = table.first_atom
    columns, atom_columns = table.values.assemble(first_atom)
    ids, notes = np.array(table.ids, dtype=np.int64), []
    own = columns.get(_ID)
    if own is not None and _are_ids(own):
        ids = own.astype(np.int64)
        del columns[_ID]
    else:
        notes.append("ids are those of the rows of the database")
    smiles = next((name for name in _SMILES if name in table.texts), None)
    words = table.texts.pop(smiles, {}) if smiles else {}
    if table.texts:
        notes.append(f"text is passed over: {_listed(table.texts)}")
    for name, why in list(table.values.passed_over.items())[:10]:
        notes.append(f"{name[:60]} is passed over: {why}")
    units, lengths = _stated_units(table.metadata)
    return Raw(
        numbers=np.concatenate(table.numbers),
        positions=np.ascontiguousarray(np.concatenate(table.positions), dtype=np.float64),
        first_atom=first_atom,
        ids=ids,
        columns=columns,
        atom_columns=atom_columns,
        smiles=smiles_array(words.get(row, "").encode() for row in range(len(ids))),
        stated_units={name: unit for name, unit in units.items() if name in columns or name in atom_columns},
        stated_lengths=lengths,
        notes=tuple(notes),
    )


def _listed(names: dict[str, Any]) -> str:
    return ", ".join(name[:40] for name in list(names)[:10]) + (", ..." if len(names) > 10 else "")


def _are_ids(values: np.ndarray) -> bool:
    """Whether a column can be the ids: whole numbers, from 1, no two equal."""
    with np.errstate(invalid="ignore"):
        whole = values.ndim == 1 and bool(((values >= 1) & (values <= _LARGEST_ID) & (values % 1 == 0)).all())
    return whole and len(np.unique(values)) == len(values)


def _stated_units(metadata: dict[str, Any]) -> tuple[dict[str, str], str]:
    """Column -> unit as SchNetPack's metadata or ASE's usage state it, and the unit of lengths.

    Raises:
        MollensError: for a unit of lengths that is not known.
    """
    units = {**_UNITS, **{f"{CALCULATOR}{name}": _UNITS[name] for name in CALCULATED}}
    stated = metadata.get("_property_unit_dict")
    if not isinstance(stated, dict):
        return units, "Angstrom"
    for key, unit in stated.items():
        text = str(unit if unit is not None else "").strip()
        units[key] = "" if text.lower() in _NO_UNIT else text
    length = str(metadata.get("_distance_unit", "Ang"))
    if length.lower() not in _LENGTHS:
        raise MollensError(f"metadata: _distance_unit is {length[:40]!r}; expected Ang, Bohr or nm")
    return units, _LENGTHS[length.lower()]


def _stated_columns(raw: Raw, metadata: dict[str, Any], path: Path) -> ColumnMap | None:
    """The mapping that SchNetPack's metadata state; None where they do not say all that is needed."""
    stated = metadata.get("_property_unit_dict")
    if not isinstance(stated, dict):
        return None
    about = _about(metadata).get("properties")
    told = {p["key"]: p for p in about if isinstance(p, dict) and "key" in p} if isinstance(about, list) else {}
    chosen = []
    for key in stated:
        if key not in raw.columns and key not in raw.atom_columns:
            continue  # listed, but no row has it
        unit, known = raw.stated_units.get(key, ""), PROPERTIES.get(key)
        if known is not None:
            if not fits(unit, known.unit):
                return None
            chosen.append(Mapped(source=key, key=key, unit=usual_spelling(unit, known.unit)))
            continue
        own = told.get(key, {})
        kind: Kind = "intensive" if own.get("output") == "mean" else "other"
        if own.get("output") == "sum" or key in _references(metadata):
            kind = "extensive"
        chosen.append(
            Mapped(
                source=key, key=key, unit=unit, label=str(own.get("label", "")), kind=kind,
                description=str(own.get("description", "")), house_unit="" if house_unit(unit) else unit,
            )
        )  # fmt: skip
    mapping = ColumnMap(columns=tuple(chosen), lengths=raw.stated_lengths or "Angstrom")  # type: ignore[arg-type]
    try:
        check_columns(raw, mapping, path)
    except MollensError:
        return None  # a key that no property may have, a shape that does not fit: a person decides
    return mapping if chosen else None


def _references(metadata: dict[str, Any]) -> dict[str, list[float]]:
    """Property -> energies of free atoms in its unit, by atomic number; those that are numbers."""
    found = {}
    references = metadata.get("atomrefs")
    for key, values in references.items() if isinstance(references, dict) else ():
        if isinstance(values, list):
            flat = [v[0] if isinstance(v, list) and len(v) == 1 else v for v in values]
            if flat and all(isinstance(v, int | float) and math.isfinite(v) for v in flat):
                found[str(key)] = [float(v) for v in flat]
    return found


def _about(metadata: dict[str, Any]) -> dict[str, Any]:
    about = metadata.get("about")
    return about if isinstance(about, dict) else {}


def _with_metadata(card: Card, molecules: Molecules, chosen: ColumnMap, metadata: dict[str, Any]) -> Card:
    """The card with atomic energies, and with what Mollens's own export says about the molecules."""
    house = {p.key: p.unit for p in card.properties}
    energies: dict[str, dict[str, float]] = {}
    references = _references(metadata)
    for mapped in chosen.columns:
        table = references.get(mapped.source)
        if table is None or mapped.key not in molecules.columns or house[mapped.key] != "eV":
            continue
        scale = factor(mapped.unit, "eV")
        free = {SYMBOLS[z]: table[z] * scale for z in molecules.elements if z < len(table) and table[z] != 0.0}
        if free:
            energies[mapped.key] = free
    about = {key: text[:2000] for key in _ABOUT if isinstance(text := _about(metadata).get(key), str) and text}
    return card.model_copy(update={"atomic_energies": energies, **about})
