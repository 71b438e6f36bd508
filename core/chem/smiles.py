"""SMILES and SMARTS as texts that others wrote: read without noise, checked, bounded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from rdkit import Chem, RDLogger

from core.errors import MollensError

LONGEST_SMILES = 2_000
"""characters; longer texts are not read, in a query or in a dataset"""
LONGEST_QUERY = 500
MOST_QUERY_ATOMS = 64
MOST_RECURSIONS = 4
DEEPEST_RECURSION = 2

# RDKit writes each fault to standard error; ours are sentences
RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]


@dataclass(frozen=True, eq=False)
class Query:
    """A substructure that can be searched for."""

    text: str
    kind: str
    """"SMILES" or "SMARTS": as which the text was understood"""
    mol: Any
    """RDKit's molecule"""

    @property
    def n_atoms(self) -> int:
        """Atoms that a molecule must have at least."""
        return int(self.mol.GetNumAtoms())

    @property
    def directed(self) -> bool:
        """Whether it has a dative bond, which matches in one direction only."""
        return any(bond.GetBondType() == Chem.BondType.DATIVE for bond in self.mol.GetBonds())


def read_smiles(smiles: str) -> Any | None:
    """RDKit's molecule of a SMILES, None where there is none or it cannot be read."""
    if not smiles or len(smiles) > LONGEST_SMILES:
        return None
    try:
        return Chem.MolFromSmiles(smiles)
    except (ValueError, RuntimeError):
        return None


def smiles_check(smiles: str) -> str | None:
    """The canonical SMILES of `smiles`, None where it cannot be read."""
    mol = read_smiles(smiles)
    return None if mol is None or mol.GetNumAtoms() == 0 else str(Chem.MolToSmiles(mol))


def read_query(text: str) -> Query:
    """Understand a substructure: as SMILES where it is one of a molecule, else as SMARTS.

    `[CH3]` and `[#6]~[#7]` are SMILES too, of a radical and of lone atoms, which nobody means: they are SMARTS.
    `C=O` differs as SMILES and as SMARTS: there a capital letter is an atom outside aromatic rings, here it is
    that element anywhere.

    Raises:
        MollensError: for a text that is neither, is empty, or asks for more than can be searched in a bounded time.
    """
    text = text.strip()
    what = f"substructure {text[:60]!r}"
    if not text:
        raise MollensError("substructure: is empty; expected SMILES such as C=O, or SMARTS such as [OX2H]")
    if len(text) > LONGEST_QUERY:
        raise MollensError(f"{what}: has {len(text)} characters; expected at most {LONGEST_QUERY}")
    if text.count("$(") > MOST_RECURSIONS or deepest_recursion(text) > DEEPEST_RECURSION:
        raise MollensError(
            f"{what}: nests too much; expected at most {MOST_RECURSIONS} parts $(...), {DEEPEST_RECURSION} deep"
        )
    blank = re.search(r"[\s\0]", text) is not None  # RDKit would take what follows for a name
    mol, kind = None if blank else read_smiles(text), "SMILES"
    if not blank and (mol is None or not _is_closed(mol)):
        smarts = read_smarts(text)
        mol, kind = (mol, kind) if smarts is None else (smarts, "SMARTS")
    if mol is None or mol.GetNumAtoms() == 0:
        raise MollensError(f"{what}: is neither SMILES nor SMARTS; expected e.g. C=O, c1ccccc1 or [OX2H]")
    if mol.GetNumAtoms() > MOST_QUERY_ATOMS:
        raise MollensError(f"{what}: has {mol.GetNumAtoms()} atoms; expected at most {MOST_QUERY_ATOMS}")
    return Query(text, kind, mol)


def _is_closed(mol: Any) -> bool:
    """Whether this is a molecule without open valences, atoms of any element, or bonds of no order."""
    if any(atom.GetNumRadicalElectrons() or atom.GetAtomicNum() == 0 for atom in mol.GetAtoms()):
        return False
    return not any(bond.HasQuery() or bond.GetBondType() == Chem.BondType.ZERO for bond in mol.GetBonds())


def read_smarts(text: str) -> Any | None:
    """RDKit's query of a SMARTS, None where it cannot be read."""
    try:
        return Chem.MolFromSmarts(text)
    except (ValueError, RuntimeError):
        return None


def deepest_recursion(text: str) -> int:
    """How many $(...) stand within each other."""
    inside: list[bool] = []
    deepest = 0
    for place, letter in enumerate(text):
        if letter == "(":
            inside.append(place > 0 and text[place - 1] == "$")
            deepest = max(deepest, sum(inside))
        elif letter == ")" and inside:
            inside.pop()
    return deepest
