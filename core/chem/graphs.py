"""Molecules as flat graphs of few kinds of atoms and bonds, so that many can be searched at once with numpy.

Two atoms are of one kind if no SMARTS primitive can tell them apart: kinds are what RDKit is asked about, once each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import rdBase
from rdkit.Chem import rdFingerprintGenerator
from rdkit.DataStructs import BitVectToBinaryText

from core.chem.smiles import read_smiles

FINGERPRINT_BITS = 2048
FINGERPRINT_RADIUS = 2
CHUNK = 2000
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Graphs:
    """The molecules of distinct SMILES, hydrogens implicit where SMILES has them so."""

    first_atom: NDArray[np.int32]
    """(n_graphs + 1,)"""
    atom_kind: NDArray[np.int32]
    """(n_atoms,)"""
    first_neighbour: NDArray[np.int32]
    """(n_atoms + 1,)"""
    neighbour: NDArray[np.int32]
    """(2 n_bonds,) atoms bonded to each atom"""
    bond_kind: NDArray[np.int32]
    """(2 n_bonds,) kind of the bond to that neighbour"""
    atom_example: NDArray[np.int32]
    """(n_atom_kinds, 2) a graph and an atom within it that is of this kind"""
    bond_example: NDArray[np.int32]
    """(n_bond_kinds, 2) a graph and a bond within it that is of this kind"""
    fingerprints: NDArray[np.uint8]
    """(n_graphs, 256) Morgan fingerprints of radius 2, 2048 bits"""
    readable: NDArray[np.bool_]
    """(n_graphs,) whether RDKit reads the SMILES; graphs of others have no atoms"""

    @property
    def n_graphs(self) -> int:
        """Number of distinct SMILES."""
        return len(self.readable)

    @cached_property
    def owner(self) -> NDArray[np.int32]:
        """(n_atoms,) graph of each atom."""
        return np.repeat(np.arange(self.n_graphs, dtype=np.int32), np.diff(self.first_atom))

    @cached_property
    def degree(self) -> NDArray[np.int32]:
        """(n_atoms,) number of bonds of each atom."""
        return np.diff(self.first_neighbour)


ARRAYS = tuple(field.name for field in fields(Graphs))


class _Kinds:
    """Numbers for signatures, in the order in which they are met, with the first atom or bond of each."""

    def __init__(self) -> None:
        self.numbers: dict[tuple[Any, ...], int] = {}
        self.examples: list[tuple[int, int]] = []

    def number(self, signature: tuple[Any, ...], graph: int, place: int) -> int:
        found = self.numbers.get(signature)
        if found is None:
            found = self.numbers[signature] = len(self.examples)
            self.examples.append((graph, place))
        return found


def make_graphs(smiles: Sequence[str], progress: Progress | None = None) -> Graphs:
    """Read distinct SMILES into graphs and fingerprints; one that cannot be read becomes a graph without atoms."""
    atom_kinds, bond_kinds = _Kinds(), _Kinds()
    sizes, kinds, degrees, neighbours, bonds = [], [], [], [], []
    fingerprints = np.zeros((len(smiles), FINGERPRINT_BITS // 8), dtype=np.uint8)
    readable = np.zeros(len(smiles), dtype=bool)
    start = 0
    for graph, text in enumerate(smiles):
        if progress is not None and graph % CHUNK == 0:
            progress(graph, len(smiles))
        mol = read_smiles(text)
        if mol is None:
            sizes.append(0)
            continue
        readable[graph] = True
        fingerprints[graph] = fingerprint(mol)
        rings = mol.GetRingInfo()
        atoms = list(mol.GetAtoms())
        bonded: list[list[tuple[int, int, bool]]] = [[] for _ in atoms]
        for place, bond in enumerate(mol.GetBonds()):
            kind = bond_kinds.number(_bond_signature(bond, place, rings), graph, place)
            a, b, ring = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), bond.IsInRing()
            bonded[a].append((b, kind, ring))
            bonded[b].append((a, kind, ring))
        elements = [atom.GetAtomicNum() for atom in atoms]
        aromatic = [atom.GetIsAromatic() for atom in atoms]
        sizes.append(len(atoms))
        for place, atom in enumerate(atoms):
            around = bonded[place]
            signature = (
                elements[place],
                aromatic[place],
                len(around),
                sum(ring for _, _, ring in around),
                sum(elements[b] > 1 for b, _, _ in around),
                sum(elements[b] not in (1, 6) for b, _, _ in around),
                sum(elements[b] not in (1, 6) and not aromatic[b] for b, _, _ in around),
                *_atom_signature(atom),
                rings.AtomRingSizes(place),
            )
            kinds.append(atom_kinds.number(signature, graph, place))
            degrees.append(len(around))
            neighbours += [start + b for b, _, _ in around]
            bonds += [kind for _, kind, _ in around]
        start += len(atoms)
    if progress is not None:
        progress(len(smiles), len(smiles))
    return Graphs(
        first_atom=_starts(sizes),
        atom_kind=np.array(kinds, dtype=np.int32),
        first_neighbour=_starts(degrees),
        neighbour=np.array(neighbours, dtype=np.int32),
        bond_kind=np.array(bonds, dtype=np.int32),
        atom_example=np.array(atom_kinds.examples, dtype=np.int32).reshape(-1, 2),
        bond_example=np.array(bond_kinds.examples, dtype=np.int32).reshape(-1, 2),
        fingerprints=fingerprints,
        readable=readable,
    )


def _starts(counts: list[int]) -> NDArray[np.int32]:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int32)


def _atom_signature(atom: Any) -> tuple[Any, ...]:
    """What SMARTS primitives can ask of an atom itself; chirality is not searched for, but told apart all the same."""
    return (
        atom.GetIsotope(),
        atom.GetFormalCharge(),
        atom.GetTotalNumHs(),
        atom.GetTotalNumHs(includeNeighbors=True),
        atom.GetNumImplicitHs(),
        atom.GetTotalValence(),
        int(atom.GetHybridization()),
        atom.GetNumRadicalElectrons(),
        int(atom.GetChiralTag()),
    )


def _bond_signature(bond: Any, place: int, rings: Any) -> tuple[Any, ...]:
    return (
        int(bond.GetBondType()),
        bond.GetIsAromatic(),
        bond.GetIsConjugated(),
        int(bond.GetBondDir()),
        int(bond.GetStereo()),
        rings.BondRingSizes(place),
    )


_MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=FINGERPRINT_RADIUS, fpSize=FINGERPRINT_BITS)


def fingerprint(mol: Any) -> NDArray[np.uint8]:
    """(256,) the Morgan fingerprint of an RDKit molecule, eight bits to a byte.

    Source: D. Rogers, M. Hahn, J. Chem. Inf. Model. 50, 742 (2010).
    """
    return np.frombuffer(BitVectToBinaryText(_MORGAN.GetFingerprint(mol)), dtype=np.uint8)


def similarities(fingerprints: NDArray[np.uint8], one: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(n,) Tanimoto similarity of each of the fingerprints (n, 256) to `one` (256,); 0 where both are empty."""
    words = fingerprints.view(np.uint64)
    common = np.bitwise_count(words & one.view(np.uint64)).sum(axis=1, dtype=np.int64)
    either = np.bitwise_count(words | one.view(np.uint64)).sum(axis=1, dtype=np.int64)
    return common / np.maximum(either, 1)


def versions() -> str:
    """What graphs depend on besides the SMILES: the release of RDKit and the layout of the arrays."""
    return f"1, RDKit {rdBase.rdkitVersion}"
