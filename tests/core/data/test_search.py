"""Search by structure: the same answer with the index and without, and an index that is whole or not there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

import core.data.search as search
from core.data.card import Card
from core.data.molecules import Molecules
from core.data.search import (
    coverage,
    index_ready,
    make_index,
    nearest_rows,
    substructure_rows,
    understood_as,
)
from core.data.store import Dataset, open_dataset, save_dataset
from core.errors import MollensError

SMILES = [b"CCO", b"", b"CC=O", b"CCO", b"broken(", b"c1ccccc1O", b"CC(=O)N"]


@pytest.fixture
def seven() -> Dataset:
    """Seven molecules: two of one SMILES, one without and one whose SMILES cannot be read."""
    n = len(SMILES)
    molecules = Molecules(
        numbers=np.full(n, 6, dtype=np.uint8),
        positions=np.zeros((n, 3)),
        first_atom=np.arange(n + 1),
        ids=np.arange(10, 10 + n),
        smiles=np.array(SMILES),
    )
    return save_dataset(molecules, Card(name="seven", title="Seven", n_molecules=1, n_atoms=1))


def test_a_substructure_has_these_rows_with_the_index_and_without(seven: Dataset) -> None:
    expected = {"C=O": [2, 6], "[OX2H]": [0, 3, 5], "c": [5], "C": [0, 2, 3, 5, 6], "[Xe]": [], "CO": [0, 2, 3, 5, 6]}
    expected["CO"] = [0, 3, 5]  # single bonds only
    for made in (False, True):
        if made:
            make_index(seven)
        assert index_ready(seven) is made
        again = open_dataset("seven")  # results are kept for each opened dataset
        for query, rows in expected.items():
            found = substructure_rows(again, query)
            assert found.tolist() == rows, (query, made)
            assert found.dtype == np.int64 and not found.flags.writeable


def test_every_molecule_of_a_larger_set_is_answered_as_by_rdkit(tiny: Dataset) -> None:
    mols = [Chem.MolFromSmiles(text.decode()) for text in tiny.molecules.smiles]
    make_index(tiny)
    for query in ("C=O", "CCC", "[#7]", "C1CC1", "[$(C#N)]"):
        expected = [row for row, mol in enumerate(mols) if mol.HasSubstructMatch(search_query(query))]
        assert substructure_rows(tiny, query).tolist() == expected, query


def search_query(text: str) -> Chem.Mol:
    return Chem.MolFromSmiles(text) if understood_as(text) == "SMILES" else Chem.MolFromSmarts(text)


def test_molecules_that_cannot_be_found_are_counted(seven: Dataset) -> None:
    assert str(coverage(seven)) == "1 of 7 molecules have no SMILES"
    make_index(seven)
    found = coverage(seven)
    assert (found.n_molecules, found.n_empty, found.n_unreadable) == (7, 1, 1)
    assert str(found) == "1 of 7 molecules have no SMILES; 1 of 7 have one that cannot be read"


def test_results_are_kept(seven: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    first = substructure_rows(seven, "C=O")
    monkeypatch.setattr(search, "_distinct", None)  # a second search would fail
    assert substructure_rows(seven, " C=O ") is first
    monkeypatch.undo()
    for k in range(search.KEPT + 1):
        substructure_rows(seven, "C" * (k % 60 + 1))
    assert len(search._KEPT._rows) == search.KEPT
    assert substructure_rows(seven, "C=O") is not first


def test_nearest_molecules_are_those_with_most_in_common(seven: Dataset) -> None:
    with pytest.raises(MollensError, match="index is not made yet"):
        nearest_rows(seven, 0, 3)
    make_index(seven)
    rows, similarities = nearest_rows(seven, 0, 10)
    assert rows[0] == 3 and similarities[0] == 1.0  # the other ethanol, not itself
    assert sorted(rows.tolist()) == [2, 3, 5, 6]  # neither without SMILES nor unreadable
    assert (np.diff(similarities) <= 0).all()
    assert [len(part) for part in nearest_rows(seven, 0, 2)] == [2, 2]
    for row in (1, 4):
        with pytest.raises(MollensError, match=f"molecule {10 + row}: has no SMILES that can be read"):
            nearest_rows(seven, row, 3)


def test_a_dataset_without_smiles_is_told(seven: Dataset) -> None:
    bare = seven.molecules
    none = Molecules(bare.numbers, bare.positions, bare.first_atom, bare.ids)
    dataset = save_dataset(none, Card(name="none", title="None", n_molecules=1, n_atoms=1))
    for ask in (lambda: substructure_rows(dataset, "C"), lambda: make_index(dataset)):
        with pytest.raises(MollensError, match="dataset none: has no SMILES"):
            ask()
    assert not index_ready(dataset) and not list(dataset.folder.glob("*search*"))


def test_an_index_is_made_once_and_lies_beside_the_dataset(seven: Dataset, demo: Dataset) -> None:
    told: list[tuple[int, int]] = []
    make_index(seven, lambda done, total: told.append((done, total)))
    assert told[-1] == (6, 6)  # distinct SMILES
    made = (seven.folder / "search" / "index.json").stat()
    make_index(seven)
    assert (seven.folder / "search" / "index.json").stat().st_ino == made.st_ino
    assert search._folder(demo) == demo.folder / f"search-{demo.card.sha256[:12]}"


def test_a_stopped_index_leaves_nothing(seven: Dataset) -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        make_index(seven, stop)
    assert not index_ready(seven)
    assert not [path for path in seven.folder.iterdir() if "search" in path.name and path.suffix != ".lock"]


@pytest.mark.parametrize("change", ["versions", "smiles", "damaged", "cut"])
def test_an_index_that_does_not_fit_is_not_used_and_made_again(seven: Dataset, change: str) -> None:
    make_index(seven)
    path = seven.folder / "search" / "index.json"
    if change in ("versions", "smiles"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {change: "other"}))
    elif change == "damaged":
        path.write_text("{")
    else:
        os.truncate(seven.folder / "search" / "neighbour.npy", 90)
    dataset = open_dataset("seven")
    assert not index_ready(dataset)
    assert substructure_rows(dataset, "C=O").tolist() == [2, 6]
    make_index(dataset)
    assert index_ready(dataset)
    assert substructure_rows(open_dataset("seven"), "C=O").tolist() == [2, 6]


@pytest.mark.slow
def test_the_index_of_real_molecules_answers_as_the_slow_search(shared: Path) -> None:
    smiles = np.load(shared / "qm9" / "qm9_geometries_g4mp2.npz")["smiles"].astype("S")[:40_000]
    n = len(smiles)
    molecules = Molecules(np.full(n, 6, np.uint8), np.zeros((n, 3)), np.arange(n + 1), np.arange(n), smiles=smiles)
    dataset = save_dataset(molecules, Card(name="real", title="Real", n_molecules=1, n_atoms=1))
    slow = {query: substructure_rows(dataset, query) for query in ("C=O", "c1ccccc1", "[OX2H]", "C1CC1", "CCCCCC")}
    make_index(dataset)
    again = open_dataset("real")
    for query, rows in slow.items():
        assert np.array_equal(substructure_rows(again, query), rows) and 0 < len(rows) < n
