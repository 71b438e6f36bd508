"""Partial matches of a substructure that grow atom by atom, those of many molecules together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.chem.graphs import Graphs

MOST_GROWN = 3_000_000
"""partial matches that one step may make before those that do not fit are dropped; bounds the memory"""
MOST_SYMMETRIC = 12
"""atoms of a query whose symmetry is looked for"""
Mask = NDArray[np.bool_]
Indices = NDArray[np.int32]


class TooWide(Exception):
    """A step makes more partial matches than may be held."""


@dataclass(frozen=True)
class Step:
    """One atom of the query that is added to the partial matches."""

    atom: int
    anchor: int | None
    """atom of the query that is placed already and bonded to this one; None begins another fragment"""
    bond: int
    closures: tuple[tuple[int, int], ...]
    """(atom, bond) of further placed atoms that are bonded to this one"""


class Growth:
    """Grows partial matches by the steps of a plan."""

    def __init__(
        self,
        graphs: Graphs,
        steps: list[Step],
        fitting: list[Mask],
        bonds: Mask,
        first: int,
        same: set[int],
        check_time: Callable[[], None],
    ) -> None:
        """Begin with atom `first` of the query.

        Args:
            fitting: for each atom of the query, (n_atoms,) which atoms fit it.
            bonds: (n_query_bonds, n_bond_kinds) which kinds of bonds fit each bond of the query.
            same: atoms of the query that a symmetry puts in the place of the first.
            check_time: called before each step; raises when the time is over.
        """
        self.graphs, self.steps, self.fitting, self.bonds = graphs, steps, fitting, bonds
        self.first, self.same, self.check_time = first, same, check_time

    def run(self, begin: Indices, owner: Indices, width: int, found: Mask, cut: Mask) -> None:
        """Note the owners that match, and those of which partial matches were dropped."""
        placed, owner = _narrow({self.first: begin}, owner, width, cut)
        for step in self.steps:
            self.check_time()
            placed, owner = _narrow(*self._add(step, placed, owner), width, cut)
        found[owner] = True

    def _add(self, step: Step, placed: dict[int, Indices], owner: Indices) -> tuple[dict[int, Indices], Indices]:
        graphs = self.graphs
        if step.anchor is None:
            graph = graphs.owner[next(iter(placed.values()))]
            atom, source = _all_of(graphs.first_atom, graph)
            fits = self.fitting[step.atom][atom]
        else:
            entry, source = _all_of(graphs.first_neighbour, placed[step.anchor])
            atom = graphs.neighbour[entry]
            fits = self.fitting[step.atom][atom] & self.bonds[step.bond][graphs.bond_kind[entry]]
        atom, source = atom[fits], source[fits]
        for key, other in placed.items():
            # of the ways that only swap equal atoms of the query, the one that begins lowest is enough
            taken = other[source]
            free = atom > taken if key == self.first and step.atom in self.same else atom != taken
            if not free.all():
                atom, source = atom[free], source[free]
        for other_atom, bond in step.closures:
            joined = self._bonded(atom, placed[other_atom][source], bond)
            atom, source = atom[joined], source[joined]
        grown = {key: values[source] for key, values in placed.items()}
        grown[step.atom] = atom
        return grown, owner[source]

    def _bonded(self, a: Indices, b: Indices, bond: int) -> Mask:
        """Whether atoms a and b are joined by a bond that fits."""
        graphs = self.graphs
        joined = np.zeros(len(a), dtype=bool)
        first, degree = graphs.first_neighbour[a], graphs.degree[a]
        last = len(graphs.neighbour) - 1
        for k in range(int(graphs.degree.max(initial=0))):
            entry = np.minimum(first + k, last)
            joined |= (k < degree) & (graphs.neighbour[entry] == b) & self.bonds[bond][graphs.bond_kind[entry]]
        return joined


def _all_of(starts: Indices, which: Indices) -> tuple[Indices, Indices]:
    """Entries `starts[w]` to `starts[w + 1]` for each w of `which`, and the place in `which` that each belongs to."""
    begin = starts[which]
    n = starts[which + 1] - begin
    total = int(n.sum(dtype=np.int64))
    if total > MOST_GROWN:
        raise TooWide
    source = np.repeat(np.arange(len(which), dtype=np.int32), n)
    before = np.cumsum(n, dtype=np.int32) - n
    entry = np.arange(total, dtype=np.int32) + (begin - before)[source]
    return entry, source


def _ranks(owner: Indices) -> Indices:
    """(n,) how many entries of the same owner stand before each; entries of an owner stand together."""
    if len(owner) == 0:
        return owner
    new = np.flatnonzero(np.diff(owner, prepend=owner[0] - 1)).astype(np.int32)
    return np.arange(len(owner), dtype=np.int32) - np.repeat(new, np.diff(new, append=len(owner)))


def _narrow(placed: dict[int, Indices], owner: Indices, width: int, cut: Mask) -> tuple[dict[int, Indices], Indices]:
    """At most `width` partial matches of each owner; owners that lose some are noted in `cut`."""
    if len(owner) <= width or not (owner[width:] == owner[:-width]).any():
        return placed, owner
    keep = _ranks(owner) < width
    cut[owner[~keep]] = True
    return {key: values[keep] for key, values in placed.items()}, owner[keep]


def plan(mol: Any, first: int, counts: NDArray[np.int64]) -> list[Step]:
    """The order in which the atoms of the query are placed: next to those placed, ring closures and rare ones first."""
    neighbours: list[dict[int, int]] = [
        {b.GetOtherAtomIdx(atom.GetIdx()): b.GetIdx() for b in atom.GetBonds()} for atom in mol.GetAtoms()
    ]
    placed, steps = [first], []
    while len(placed) < len(neighbours):
        rest = [atom for atom in range(len(neighbours)) if atom not in placed]

        def rank(atom: int) -> tuple[int, int]:
            return -sum(other in placed for other in neighbours[atom]), int(counts[atom])

        atom = min(rest, key=rank)
        bonded = [other for other in reversed(placed) if other in neighbours[atom]]
        anchor = bonded[0] if bonded else None
        closures = tuple((other, neighbours[atom][other]) for other in bonded[1:])
        steps.append(Step(atom, anchor, -1 if anchor is None else neighbours[atom][anchor], closures))
        placed.append(atom)
    return steps


def same_places(mol: Any, which: NDArray[np.int64], bonds: Mask, first: int) -> set[int]:
    """Atoms of the query that a symmetry of it can put in the place of `first`, itself among them."""
    n = mol.GetNumAtoms()
    if n > MOST_SYMMETRIC:
        return {first}
    edges = {}
    for bond in mol.GetBonds():
        a, b, table = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), bonds[bond.GetIdx()].tobytes()
        edges[a, b] = edges[b, a] = table
    order = [first, *(step.atom for step in plan(mol, first, np.zeros(n, dtype=np.int64)))]
    budget = 2000

    def extends(image: list[int]) -> bool:
        nonlocal budget
        budget -= 1
        if len(image) == n or budget < 0:
            return budget >= 0
        atom = order[len(image)]
        for candidate in range(n):
            if candidate in image or which[candidate] != which[atom]:
                continue
            pairs = zip(order, image, strict=False)
            if all(edges.get((atom, p)) == edges.get((candidate, q)) for p, q in pairs) and extends(
                [*image, candidate]
            ):
                return True
        return False

    return {atom for atom in range(n) if which[atom] == which[first] and (atom == first or extends([atom]))}
