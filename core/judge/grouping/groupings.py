"""Every way of dividing molecules into groups: sizes, elements, rings, functional groups, quantiles of a property.

`groups` holds those that are made of sizes and elements only. Here they and all others are tables of members, so that
comparisons, hypotheses and the search for slices need to know one thing only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.data.molecules import Molecules
from core.data.search import coverage, substructure_rows
from core.data.selection import Range, Selection, Span
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.grouping.filters import WHERE, read_filter, selection_words
from core.judge.grouping.groups import ALIASES, GROUPINGS, Group, make_groups, membership
from core.judge.statistics.resampling import cells_of_groups

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

N_QUANTILES = 5

FUNCTIONAL_GROUPS: dict[str, str] = {
    "alcohol": "[OX2H][CX4]",
    "ether": "[OD2]([#6;!$(C=O)])[#6;!$(C=O)]",
    "aldehyde": "[CX3H1](=O)",
    "ketone": "[#6][CX3](=O)[#6]",
    "carboxylic acid": "[CX3](=O)[OX2H]",
    "ester": "[#6][CX3](=O)[OX2H0][#6]",
    "amide": "[NX3][CX3](=[OX1])",
    "amine": "[NX3;!$(NC=O);!$(N[#7,#8]);!$([nX3])]",
    "imine": "[CX3]=[NX2]",
    "nitrile": "[CX2]#[NX1]",
    "alkene": "[CX3]=[CX3]",
    "alkyne": "[CX2]#[CX2]",
    "aromatic ring": "[a]",
    "three-membered ring": "[r3]",
    "four-membered ring": "[r4]",
    "N-N or N-O bond": "[#7]~[#7,#8]",
}
"""SMARTS of the groups that small organic molecules have."""


@dataclass(frozen=True, eq=False)
class Grouping:
    """Groups under their names, and which molecules of the dataset belong to each."""

    by: str
    names: tuple[str, ...]
    labels: tuple[str, ...]
    """each group in words: "molecules with F", "21 atoms" """
    table: Mask
    """(n_groups, n_molecules)"""
    selections: tuple[Selection | None, ...]
    """each group as a filter that pages and the command line understand; None where there is none"""
    spans: tuple[tuple[int, int], ...] | None = None
    """lowest and highest of what orders the groups, ascending; None where nothing does"""
    noun: str = ""
    """what the spans count: "atoms" """

    def member(self, rows: Ints) -> Mask:
        """(n_groups, n) which of the molecules at `rows` belong to which group."""
        return self.table[:, rows]

    @cached_property
    def cells(self) -> tuple[Ints, Mask]:
        """(n_molecules,) cell of each molecule, and (n_groups, n_cells) which cells make up each group."""
        cell = cells_of_groups(self.table)
        return cell, self.table[:, np.unique(cell, return_index=True)[1]]

    def keep(self, chosen: ArrayLike) -> Grouping:
        """The grouping with some of its groups (n_groups,) only."""
        places = np.flatnonzero(np.asarray(chosen))
        spans = None if self.spans is None else tuple(self.spans[k] for k in places)
        return Grouping(
            self.by,
            tuple(self.names[k] for k in places),
            tuple(self.labels[k] for k in places),
            self.table[places],
            tuple(self.selections[k] for k in places),
            spans,
            self.noun,
        )


def groupings_of(dataset: Dataset) -> list[str]:
    """Names of all groupings that the molecules of a dataset can be divided by."""
    structure = ["rings", "functional_group"] if _has_smiles(dataset) else []
    return [*GROUPINGS, "heavy", "unsaturation", *structure, *_numbers(dataset)]


def open_grouping(dataset: Dataset, by: str) -> Grouping:
    """A grouping of all molecules of a dataset; kept for the next time.

    by: a name of `groupings_of`; the key of a property stands for its fifths, from all molecules of the dataset; or
        filters such as "where:size=17-19;element=F", for the groups "inside" and "outside". For "rare:100", which
        needs a run, see `core.judge.grouping.rarity`.

    Raises:
        MollensError: for an unknown name or filter, or where molecules have no SMILES to find rings and functional
            groups in.
    """
    if by.startswith(WHERE):
        return _of_filter(dataset, read_filter(by, dataset))
    return _open(dataset, ALIASES.get(by, by))


@lru_cache(maxsize=32)
def _of_filter(dataset: Dataset, selection: Selection) -> Grouping:
    inside = selection.mask(dataset)
    words = selection_words(selection, dataset)
    return Grouping(
        WHERE + ";".join(selection.where()),
        ("inside", "outside"),
        (words, f"all but {words}"),
        np.stack([inside, ~inside]),
        (selection, None),
    )


@lru_cache(maxsize=32)
def _open(dataset: Dataset, by: str) -> Grouping:
    molecules = dataset.molecules
    if by in GROUPINGS:
        return _of_groups(molecules, by)
    if by == "heavy":
        return _of_numbers(by, molecules.heavy_atoms, "heavy atoms", lambda n: Selection(heavy=(Span(n, n),)))
    if by == "unsaturation":
        return _of_numbers(by, np.floor(unsaturation(molecules)).astype(np.int64), "rings and multiple bonds")
    if by.startswith("rare:"):
        raise MollensError(f"grouping {by[:40]!r}: rare in training is a matter of a run; it needs one")
    if by in ("rings", "functional_group"):
        if not _has_smiles(dataset):
            raise MollensError(f"dataset {dataset.name}: has no SMILES, so it cannot be divided by {by}")
        if by == "rings":
            counts = ring_counts(molecules)
            return _of_numbers(by, counts, "rings", known=counts >= 0)
        return _of_functional_groups(dataset)
    if by in _numbers(dataset):
        return _of_property(dataset, by)
    known = ", ".join(groupings_of(dataset))
    raise MollensError(f"grouping {by[:60]!r} is not known; known are {known}, where:FILTER;FILTER, rare:N of a run")


def _of_groups(molecules: Molecules, by: str) -> Grouping:
    rows = np.arange(molecules.n_molecules)
    groups = make_groups(molecules, rows, by)
    ordered = by in ("size", "size_class")
    return Grouping(
        by,
        tuple(group.name for group in groups),
        tuple(f"molecules with {group.label}" if by == "element" else group.label for group in groups),
        membership(groups, molecules, rows),
        tuple(selection_of(group) for group in groups),
        tuple((int(g.lowest or 0), int(g.highest or 0)) for g in groups) if ordered else None,
        "atoms" if ordered else "",
    )


def selection_of(group: Group) -> Selection:
    """A group of sizes and an element as a filter."""
    sizes: tuple[Span, ...] = ()
    if group.sizes is not None:
        sizes = tuple(Span(size, size) for size in sorted(group.sizes))
    elif group.lowest is not None and group.highest is not None:
        sizes = (Span(group.lowest, group.highest),)
    return Selection(size=sizes, element=(group.element,) if group.element else ())


def _of_numbers(
    by: str,
    numbers: Ints,
    noun: str,
    selection: Callable[[int], Selection] | None = None,
    known: Mask | None = None,
) -> Grouping:
    values = [int(n) for n in np.unique(numbers if known is None else numbers[known])]
    return Grouping(
        by,
        tuple(str(n) for n in values),
        tuple(f"{n} {noun if n != 1 else _one(noun)}" for n in values),
        np.stack([numbers == n for n in values]),
        tuple(None if selection is None else selection(n) for n in values),
        tuple((n, n) for n in values),
        noun,
    )


def _one(noun: str) -> str:
    return "ring or multiple bond" if noun == "rings and multiple bonds" else noun.removesuffix("s")


def _of_functional_groups(dataset: Dataset) -> Grouping:
    table = np.zeros((len(FUNCTIONAL_GROUPS), dataset.molecules.n_molecules), dtype=bool)
    for line, smarts in zip(table, FUNCTIONAL_GROUPS.values(), strict=True):
        line[substructure_rows(dataset, smarts)] = True
    selections = tuple(Selection(substructure=smarts) for smarts in FUNCTIONAL_GROUPS.values())
    labels = tuple(f"molecules with {name}" for name in FUNCTIONAL_GROUPS)
    whole = Grouping("functional_group", tuple(FUNCTIONAL_GROUPS), labels, table, selections)
    return whole.keep(table.any(axis=1))


def _of_property(dataset: Dataset, key: str) -> Grouping:
    values, prop = np.asarray(dataset.molecules.columns[key]), dataset.property(key)
    known = np.isfinite(values)
    within = values[known] if known.any() else np.zeros(1)
    edges = np.unique(np.quantile(within, np.arange(1, N_QUANTILES) / N_QUANTILES))
    place = np.where(known, np.searchsorted(edges, values, side="left"), -1)
    kept = [k for k in range(len(edges) + 1) if (place == k).any()]
    ends = [(values[place == k].min(), values[place == k].max()) for k in kept]
    words = tuple(f"{prop.label} {low:.4g} to {high:.4g} {prop.unit}".rstrip() for low, high in ends)
    return Grouping(
        key,
        tuple(f"{low:.4g} to {high:.4g}" for low, high in ends),
        words,
        np.stack([place == k for k in kept]) if kept else np.zeros((0, len(values)), dtype=bool),
        tuple(Selection(range=(_range(key, float(low), float(high)),)) for low, high in ends),
    )


def _range(key: str, low: float, high: float) -> Range:
    # a little wider: an address keeps 12 digits, and the molecules at the ends are meant
    return Range(key, low - 1e-11 * abs(low), high + 1e-11 * abs(high))


def _numbers(dataset: Dataset) -> list[str]:
    return [key for key, values in dataset.molecules.columns.items() if values.ndim == 1]


def _has_smiles(dataset: Dataset) -> bool:
    return coverage(dataset).n_empty < dataset.molecules.n_molecules


_VALENCE = {
    "H": 1, "F": 1, "Cl": 1, "Br": 1, "I": 1, "O": 2, "S": 2, "Se": 2, "B": 3, "N": 3, "P": 3, "As": 3, "C": 4,
    "Si": 4, "Ge": 4,
}  # fmt: skip


def unsaturation(molecules: Molecules) -> Floats:
    """(n_molecules,) rings and multiple bonds by the composition: 1 + sum of n (valence - 2) / 2; metals count as 2."""
    valence = np.array([_VALENCE.get(symbol, 2) for symbol in molecules.symbols])
    return np.asarray(1.0 + molecules.element_counts @ (valence - 2) / 2)


_BRACKETS = re.compile(rb"\[[^\]]*\]")
_CLOSURES = re.compile(rb"%[0-9]{2}|[0-9]")


def ring_counts(molecules: Molecules) -> Ints:
    """(n_molecules,) independent rings (bonds - atoms + parts), from the ring closures of SMILES; -1 without one."""
    assert molecules.smiles is not None
    texts, which = np.unique(molecules.smiles, return_inverse=True)
    counts = [len(_CLOSURES.findall(_BRACKETS.sub(b"", text))) // 2 if text else -1 for text in texts]
    return np.array(counts, dtype=np.int64)[which.ravel()]
