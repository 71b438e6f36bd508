"""Substructure search over flat graphs gives what RDKit gives molecule by molecule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

import core.chem.growth as growth
import core.chem.matching as matching
from core.chem.graphs import Graphs, make_graphs
from core.chem.matching import Matcher, recursions
from core.chem.plain import plain_matches
from core.chem.smiles import read_query
from core.data.store import Dataset
from core.errors import MollensError

QUERIES = [
    "C=O", "c1ccccc1", "C#N", "N", "F", "CCCCCC", "[OX2H]", "C1CC1", "O=C-N", "[#6]~[#7]", "C1CCCCC1", "CC(C)(C)C",
    "[CH3]", "[r3,r4]@[r5]", "C.N", "C.C.C.C", "OCC(=O)N", "[H]O", "[nH]", "[N+]", "[C@H](O)C", "F/C=C/F", "[z2]",
    "[D3]~[D3]~[D3]~[D3]", "[Z1;x2]", "[^2]~[^1]", "C=!@C", "[k4]", "[v4;h2]", "[13C]", "[*]", "[R2]", "*~*~*~*~*~[#7]",
    "[!#6;!#1]~*~*~[R]", "[CX3;$(C=O)][NX3]", "[$(C=O);!$(CN)]", "[!$(C=O)]C#N", "[$([CX4][$(C=O)])]",
    "[$(C#N),$(N=C)]C",
    "[!$(C)]", "[D{2-3}]", "[#6;R]1~[#6]~[#6]~[#8]~[#6]1", "C12CC1C2", "[O;H0]-[C;!R]", "N#[C,N]",
    "[X4][X2][X4]",
]  # fmt: skip
# what demo does not have: charges, isotopes, explicit hydrogens, other elements, large rings, several parts
ODD = [
    "[Na+].[Cl-]", "C[N+](C)(C)C", "[2H]O[2H]", "[13CH4]", "[H][H]", "CC(=O)[O-]", "c1ccc2ccccc2c1", "OS(=O)(=O)O",
    "C1CCCCCCCCC1", "F/C=C/F", "F/C=C\\F", "C[C@H](O)F", "C[C@@H](O)F", "[CH3]", "[O][O]", "c1ccoc1", "CP(C)(C)(C)C",
    "C1CC2CCC1C2", "C12C3C4C1C5C2C3C45", "FS(F)(F)(F)(F)F", "N#[N+][O-]", "*C", "C~C", "[NH3]->[BH3]", "[Fe]", "",
    "not a SMILES", "C1CC", "c1cccc1", "C" * 150,
]  # fmt: skip


def by_rdkit(smiles: list[str], text: str) -> list[bool]:
    """The answer for each SMILES by itself."""
    query = read_query(text).mol
    mols = [Chem.MolFromSmiles(s) if s else None for s in smiles]
    return [mol is not None and mol.HasSubstructMatch(query) for mol in mols]


def matcher_of(smiles: list[str]) -> Matcher:
    return Matcher(make_graphs(smiles), lambda graph: smiles[graph])


def agreement(smiles: list[str]) -> int:
    """Number of queries that some molecules match and some do not; every answer must be RDKit's."""
    matcher = matcher_of(smiles)
    mols = [Chem.MolFromSmiles(text) if text else None for text in smiles]
    hits = 0
    for text in QUERIES:
        query = read_query(text)
        expected = np.array([mol is not None and mol.HasSubstructMatch(query.mol) for mol in mols])
        assert np.array_equal(matcher.matches(query, 60.0), expected), text
        hits += int(0 < expected.sum() < len(smiles))
    return hits


def test_answers_are_those_of_rdkit_on_molecules_of_demo(demo: Dataset) -> None:
    smiles = [text.decode() for text in np.unique(demo.molecules.smiles)[::5]]
    assert agreement(smiles) > 30  # most queries part the molecules, so that agreement means something


@pytest.mark.slow
def test_answers_are_those_of_rdkit_on_every_real_molecule(shared: Path) -> None:
    smiles = np.load(shared / "qm9" / "qm9_geometries_g4mp2.npz")["smiles"].astype(str)
    distinct = [str(text) for text in np.unique(smiles)]
    assert len(distinct) > 120_000
    assert agreement(distinct) > 30


@pytest.mark.parametrize("text", [*QUERIES, "[Na+]", "[O-]", "[2H]", "[D10]", "[R]@[R]@[R]"])
def test_odd_molecules_are_matched_as_by_rdkit(text: str) -> None:
    found = matcher_of(ODD).matches(read_query(text), 60.0)
    assert found.tolist() == by_rdkit(ODD, text)
    assert plain_matches(ODD, read_query(text), 60.0).tolist() == found.tolist()


def test_a_narrow_search_is_widened_until_it_is_right(monkeypatch: pytest.MonkeyPatch, demo: Dataset) -> None:
    smiles = [text.decode() for text in np.unique(demo.molecules.smiles)[:800]]
    matcher = matcher_of(smiles)
    monkeypatch.setattr(matching, "WIDTHS", (1, 2, 5, 10_000))
    monkeypatch.setattr(matching, "AT_ONCE", 7)
    monkeypatch.setattr(growth, "MOST_GROWN", 300)
    for text in ("CCCC", "C1CC1", "*~*~*~*~[#8]", "CC(C)C"):
        assert matcher.matches(read_query(text), 60.0).tolist() == by_rdkit(smiles, text), text


def test_a_query_with_too_many_ways_ends_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    matcher = matcher_of(["C" * 30 + "O"])
    monkeypatch.setattr(matching, "WIDTHS", (1, 4))
    with pytest.raises(MollensError, match="too many ways"):
        matcher.matches(read_query("C.C.C.C=C"), 60.0)
    monkeypatch.setattr(growth, "MOST_GROWN", 10)
    with pytest.raises(MollensError, match="too many ways"):
        matcher.matches(read_query("C.C.C"), 60.0)


def test_a_search_ends_when_its_time_is_over(demo: Dataset) -> None:
    smiles = [text.decode() for text in demo.molecules.smiles[:50]]
    with pytest.raises(MollensError, match="takes too long"):
        matcher_of(smiles).matches(read_query("CCCC"), 0.0)
    with pytest.raises(MollensError, match="takes too long"):
        plain_matches(smiles, read_query("CCCC"), 0.0)


def test_without_an_index_large_queries_on_large_molecules_are_refused() -> None:
    with pytest.raises(MollensError, match="has 13 atoms; over molecules this large"):
        plain_matches(["C" * 200], read_query("C" * 13), 60.0)
    assert plain_matches(["C" * 20], read_query("C" * 13), 60.0).tolist() == [True]


def test_equal_atoms_have_one_kind_and_unreadable_smiles_none() -> None:
    graphs = make_graphs(["CC", "CCO", "nonsense", "CC"])
    assert np.diff(graphs.first_atom).tolist() == [2, 3, 0, 2]
    assert graphs.readable.tolist() == [True, True, False, True]
    assert graphs.atom_kind[0] == graphs.atom_kind[1] == graphs.atom_kind[5]
    assert graphs.atom_kind[2] != graphs.atom_kind[3]
    assert graphs.neighbour.tolist() == [1, 0, 3, 2, 4, 3, 6, 5]
    assert graphs.owner.tolist() == [0, 0, 1, 1, 1, 3, 3]
    assert isinstance(graphs, Graphs)


def test_progress_is_told_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    make_graphs(["C", "O"], lambda done, total: told.append((done, total)))
    assert told == [(0, 2), (2, 2)]


def test_recursions_are_found_with_all_that_is_in_them() -> None:
    assert recursions("C") == []
    assert recursions("[$(C=O)]N[C;!$(C(C)(C)[$(N)])]") == [(1, 7), (13, 29)]
