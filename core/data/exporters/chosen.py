"""What is to be exported: some molecules of a dataset with some of its properties."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.card import Card
from core.data.molecules import Molecules
from core.data.properties import PROPERTIES
from core.data.store import Dataset
from core.errors import MollensError

Rows = NDArray[np.int64]
Progress = Callable[[int, int], None]
"""called with molecules that are written, and all of them"""

_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class Chosen:
    """Molecules to export, still in the arrays of their dataset."""

    name: str
    card: Card
    molecules: Molecules
    """all of the dataset"""
    rows: Rows
    """(n,) those to export, in this order"""
    keys: tuple[str, ...]
    """properties per molecule, the default target first"""
    atom_keys: tuple[str, ...]
    """properties per atom"""

    def unit(self, key: str) -> str:
        """Unit of a property inside Mollens."""
        return next((p.unit for p in self.card.properties if p.key == key), "")

    def units(self) -> dict[str, str]:
        """Property key -> unit, of all that are exported."""
        return {key: self.unit(key) for key in (*self.keys, *self.atom_keys)}

    def chunks(self) -> Iterator[tuple[int, Molecules]]:
        """The molecules in portions that fit well into memory, with the number of molecules before each."""
        for start in range(0, len(self.rows), _CHUNK):
            yield start, _only(self, self.rows[start : start + _CHUNK])

    def about(self) -> dict[str, Any]:
        """Where the molecules come from and on what terms: what every format that has room for it says."""
        card = self.card
        own = [p.model_dump() for p in card.properties if p.key in self.units() and p.key not in PROPERTIES]
        return {
            "dataset": self.name,
            "title": card.title,
            "molecules": f"{len(self.rows)} of {card.n_molecules}",
            "level_of_theory": card.level_of_theory,
            "license": card.license,
            "citation": card.citation,
            **({"properties": own} if own else {}),
        }


def choose(dataset: Dataset, rows: Rows, properties: Sequence[str] | None = None) -> Chosen:
    """The molecules at `rows` (n,) with the named properties, all by default.

    Raises:
        MollensError: for no rows, rows outside of the dataset, or a property that it has not.
    """
    molecules, card = dataset.molecules, dataset.card
    rows = np.asarray(rows, dtype=np.int64)
    if rows.ndim != 1 or len(rows) == 0:
        raise MollensError(f"dataset {dataset.name}: no molecules are chosen; nothing can be exported")
    if rows.min() < 0 or rows.max() >= molecules.n_molecules:
        raise MollensError(
            f"dataset {dataset.name}: has rows 0 to {molecules.n_molecules - 1}; {rows.max()} is not one"
        )
    listed = [p.key for p in card.properties]
    known = [*listed, *(key for key in (*molecules.columns, *molecules.atom_columns) if key not in listed)]
    for key in properties or ():
        if key not in known:
            raise MollensError(f"dataset {dataset.name}: has no property {key!r}; it has {', '.join(known)}")
    wanted = known if properties is None else [key for key in known if key in set(properties)]
    keys = sorted((key for key in wanted if key in molecules.columns), key=lambda key: key != card.default_target)
    atom_keys = tuple(key for key in wanted if key in molecules.atom_columns)
    return Chosen(dataset.name, card, molecules, rows, tuple(keys), atom_keys)


def as_json(content: dict[str, Any]) -> str:
    """JSON in one line of plain ASCII."""
    return json.dumps(content, ensure_ascii=True, allow_nan=False)


def _only(chosen: Chosen, rows: Rows) -> Molecules:
    """A copy of some molecules with the exported properties only."""
    whole = chosen.molecules
    some = Molecules(
        numbers=whole.numbers,
        positions=whole.positions,
        first_atom=whole.first_atom,
        ids=whole.ids,
        columns={key: whole.columns[key] for key in chosen.keys},
        atom_columns={key: whole.atom_columns[key] for key in chosen.atom_keys},
        smiles=whole.smiles,
    )
    return some.take(rows)
