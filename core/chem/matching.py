"""Substructure search over many flat graphs at once: RDKit judges each kind of atom and bond, numpy joins the rest.

A search grows partial matches atom by atom, of all molecules together. Whether a molecule matches is all that is asked,
so first only a few partial matches of each are followed; those that neither matched nor ran out are searched again with
more. The answer is exactly that of RDKit's `HasSubstructMatch` without chirality.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from core.chem.graphs import Graphs
from core.chem.growth import Growth, Indices, Mask, TooWide, plan, same_places
from core.chem.smiles import MOST_QUERY_ATOMS, Query, read_smarts, read_smiles
from core.errors import MollensError

WIDTHS = (4, 256, 8192, 262_144)
"""partial matches followed for each molecule, first try to last"""
AT_ONCE = 40_000
"""first atoms that are followed at once"""
_YES, _NO = "*", "!*"

Progress = Callable[[int, int], None]


class Matcher:
    """Answers substructure queries over the same graphs; make it once."""

    def __init__(self, graphs: Graphs, smiles_of: Callable[[int], str]) -> None:
        """smiles_of: gives the SMILES that a graph was made from."""
        self.graphs = graphs
        mols: dict[int, Any] = {}
        for graph in {int(g) for g, _ in [*graphs.atom_example.tolist(), *graphs.bond_example.tolist()]}:
            mols[graph] = read_smiles(smiles_of(graph))
        self._mols = mols  # atoms and bonds live no longer than their molecule
        self._atoms = [mols[g].GetAtomWithIdx(place) for g, place in graphs.atom_example.tolist()]
        self._bonds = [mols[g].GetBondWithIdx(place) for g, place in graphs.bond_example.tolist()]
        self._ring_atoms = np.array([atom.IsInRing() for atom in self._atoms], dtype=bool)
        self._ring_bonds = np.array([bond.IsInRing() for bond in self._bonds], dtype=bool)

    def matches(self, query: Query, seconds: float, progress: Progress | None = None) -> Mask:
        """(n_graphs,) which molecules have the substructure.

        Raises:
            MollensError: if the query fits in too many ways, or `seconds` are over.
        """
        search = _Search(self, time.monotonic() + seconds, query.text, progress)
        if query.kind == "SMILES":
            return search.matches(query.mol, [self._judge_atoms(query.mol)], None)
        return search.smarts(query.text, None)

    def _judge_atoms(self, mol: Any) -> Mask:
        """(n_query_atoms, n_atom_kinds) which kinds of atoms each atom of the query stands for."""
        Chem.FastFindRings(mol)
        judged = np.zeros((mol.GetNumAtoms(), len(self._atoms)), dtype=bool)
        for atom, row in zip(mol.GetAtoms(), judged, strict=True):
            row[:] = [atom.Match(kind) for kind in self._atoms]
            if atom.IsInRing():
                row &= self._ring_atoms  # a ring is found in a ring only
        return judged

    def _judge_bonds(self, mol: Any) -> Mask:
        judged = np.zeros((mol.GetNumBonds(), len(self._bonds)), dtype=bool)
        for bond, row in zip(mol.GetBonds(), judged, strict=True):
            row[:] = [bond.Match(kind) for kind in self._bonds]
            if bond.IsInRing():
                row &= self._ring_bonds
        return judged


class _Search:
    """One query on its way, with the time that it has left."""

    def __init__(self, matcher: Matcher, deadline: float, text: str, progress: Progress | None) -> None:
        self.matcher, self.graphs = matcher, matcher.graphs
        self.deadline, self.text, self.progress = deadline, text, progress

    def smarts(self, text: str, starts: Mask | None) -> Mask:
        """As `matches`, for a SMARTS; each $(...) is searched first, and then stands for yes or no at each atom."""
        parts = recursions(text)
        code = np.zeros(len(self.graphs.atom_kind), dtype=np.uint8)
        for place, (begin, end) in enumerate(parts):
            inside = self.smarts(text[begin + 2 : end - 1], np.ones(len(code), dtype=bool))
            code |= inside.astype(np.uint8) << np.uint8(place)
        tables = []
        mol = None
        for answers in product((False, True), repeat=len(parts)):  # the last part changes first
            written, last = [], 0
            for (begin, end), answer in zip(parts, reversed(answers), strict=True):
                written += [text[last:begin], _YES if answer else _NO]
                last = end
            mol = read_smarts("".join([*written, text[last:]]))
            if mol is None or mol.GetNumAtoms() > MOST_QUERY_ATOMS:
                raise MollensError(
                    f"substructure {self.text[:60]!r}: its part {text[:60]!r} cannot be searched; expected SMARTS of "
                    f"1 to {MOST_QUERY_ATOMS} atoms"
                )
            tables.append(self.matcher._judge_atoms(mol))
        assert mol is not None
        return self.matches(mol, tables, starts, code if parts else None)

    def matches(self, mol: Any, tables: list[Mask], starts: Mask | None, code: NDArray[np.uint8] | None = None) -> Mask:
        """Which molecules have the substructure `mol`; with `starts` (n_atoms,) which atoms its first atom fits.

        Args:
            tables: for each value of `code`, which kinds of atoms fit each atom of the query.
            code: (n_atoms,) what else was found of each atom.
        """
        graphs, matcher = self.graphs, self.matcher
        sorts = [
            (atom.GetDegree(), *(table[place].tobytes() for table in tables))
            for place, atom in enumerate(mol.GetAtoms())
        ]
        distinct = {sort: k for k, sort in enumerate(dict.fromkeys(sorts))}
        which = np.array([distinct[sort] for sort in sorts])
        fitting: list[Mask] = []
        for sort in distinct:
            place = sorts.index(sort)
            fits = np.stack([table[place] for table in tables])
            mask = fits[0][graphs.atom_kind] if code is None else fits[code, graphs.atom_kind]
            fitting.append(mask & (graphs.degree >= sort[0]))
        bonds = matcher._judge_bonds(mol)
        counts = np.array([int(np.count_nonzero(mask)) for mask in fitting])[which]
        enough = self._enough(fitting, np.bincount(which, minlength=len(fitting)))
        first = int(counts.argmin()) if starts is None else 0
        fits = fitting[which[first]] if starts is None else fitting[which[first]] & starts
        begin = np.flatnonzero(fits).astype(np.int32)
        begin = begin[enough[graphs.owner[begin]]]
        if starts is None:
            owner, found = graphs.owner[begin], np.zeros(graphs.n_graphs, dtype=bool)
            same = same_places(mol, which, bonds, first)
        else:
            owner, found = begin, np.zeros(len(graphs.atom_kind), dtype=bool)
            same = {first}
        grow = Growth(
            graphs, plan(mol, first, counts), [fitting[k] for k in which], bonds, first, same, self.check_time
        )
        for width in WIDTHS:
            begin, owner = self._try(grow, begin, owner, width, found)
            if len(begin) == 0:
                return found
        raise MollensError(
            f"substructure {self.text[:60]!r}: fits in too many ways to be searched; make it smaller or more specific"
        )

    def _enough(self, fitting: list[Mask], needed: NDArray[np.int64]) -> Mask:
        """(n_graphs,) whether a molecule has as many atoms of each sort as the query."""
        enough = np.ones(self.graphs.n_graphs, dtype=bool)
        for mask, n in zip(fitting, needed, strict=True):
            running = np.concatenate([[0], np.cumsum(mask, dtype=np.int32)])
            enough &= np.diff(running[self.graphs.first_atom]) >= n
        return enough

    def _try(self, grow: Growth, begin: Indices, owner: Indices, width: int, found: Mask) -> tuple[Indices, Indices]:
        """Search with `width` partial matches each; note what is found, give back the starts that are undecided."""
        cut = np.zeros(len(found), dtype=bool)

        def run(span: tuple[int, int]) -> None:
            self.check_time()
            try:
                grow.run(begin[slice(*span)], owner[slice(*span)], width, found, cut)
            except TooWide:
                middle = _between_owners(owner, *span)
                if middle is None:
                    raise MollensError(
                        f"substructure {self.text[:60]!r}: fits in too many ways to be searched; make it more specific"
                    ) from None
                run((span[0], middle))
                run((middle, span[1]))

        spans, place = [], 0
        while place < len(begin):
            end = _whole_owners(owner, place, AT_ONCE)
            spans.append((place, end))
            place = end
        for span in spans:
            run(span)
            if self.progress is not None:
                self.progress(span[1], len(begin))
        again = (cut & ~found)[owner]
        return begin[again], owner[again]

    def check_time(self) -> None:
        """Raise when the time is over."""
        if time.monotonic() > self.deadline:
            raise MollensError(f"substructure {self.text[:60]!r}: takes too long to search; make it more specific")


def _whole_owners(owner: Indices, place: int, n: int) -> int:
    """End of the next `n` or so entries that does not part entries of one owner."""
    if place + n >= len(owner):
        return len(owner)
    end = int(np.searchsorted(owner, owner[place + n], side="left"))
    return end if end > place else int(np.searchsorted(owner, owner[place], side="right"))


def _between_owners(owner: Indices, begin: int, end: int) -> int | None:
    """A place near the middle where one owner's entries end; None if there is but one owner."""
    middle = int(np.searchsorted(owner[begin:end], owner[(begin + end) // 2], side="left")) + begin
    if middle == begin:
        middle = int(np.searchsorted(owner[begin:end], owner[begin], side="right")) + begin
    return middle if begin < middle < end else None


def recursions(text: str) -> list[tuple[int, int]]:
    """Begin and end of each outermost $(...) in a SMARTS."""
    found, place = [], 0
    while (begin := text.find("$(", place)) >= 0:
        depth, place = 0, begin + 1
        while place < len(text):
            depth += (text[place] == "(") - (text[place] == ")")
            place += 1
            if depth == 0:
                break
        found.append((begin, place))
    return found
