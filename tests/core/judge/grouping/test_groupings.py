from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from core.data.store import Dataset
from core.errors import MollensError
from core.judge.grouping.groupings import groupings_of, open_grouping, ring_counts, unsaturation
from core.judge.slicing.predicates import open_predicates
from tests.fake_runs import fake_dataset, fake_molecules

# SMILES, atomic numbers with hydrogens, rings, rings and multiple bonds
KNOWN = [
    ("CCO", [6] * 2 + [8] + [1] * 6, 0, 0),
    ("c1ccccc1", [6] * 6 + [1] * 6, 1, 4),
    ("C1CC1", [6] * 3 + [1] * 6, 1, 1),
    ("C#N", [6, 7, 1], 0, 2),
    ("C1CC2CCC1C2", [6] * 7 + [1] * 12, 2, 2),
    ("CC(=O)N", [6] * 2 + [8, 7] + [1] * 5, 0, 1),
    ("C%12CC%12F", [6] * 3 + [9] + [1] * 5, 1, 1),
    ("[NH3+]CC(=O)[O-]", [7, 6, 6, 8, 8] + [1] * 5, 0, 1),
    ("OC1C2[C@@H]3N1[C@H]23", [8] + [6] * 4 + [7] + [1] * 5, 3, 3),
    ("FC(F)(F)C=O", [9] * 3 + [6] * 2 + [8, 1], 0, 1),
]


@pytest.fixture
def dataset() -> Dataset:
    molecules = fake_molecules([numbers for _, numbers, _, _ in KNOWN])
    smiles = np.array([text.encode() for text, *_ in KNOWN])
    return fake_dataset("known", dataclasses.replace(molecules, smiles=smiles))


def members(dataset: Dataset, by: str) -> dict[str, list[int]]:
    grouping = open_grouping(dataset, by)
    table = grouping.member(np.arange(dataset.molecules.n_molecules))
    return {name: np.flatnonzero(line).tolist() for name, line in zip(grouping.names, table, strict=True)}


def test_rings_and_unsaturation(dataset: Dataset) -> None:
    assert ring_counts(dataset.molecules).tolist() == [rings for _, _, rings, _ in KNOWN]
    assert unsaturation(dataset.molecules).tolist() == [degree for *_, degree in KNOWN]
    assert members(dataset, "rings")["1"] == [1, 2, 6]
    assert members(dataset, "unsaturation")["4"] == [1]


def test_rings_agree_with_rdkit(demo: Dataset) -> None:
    from rdkit import Chem

    counts = ring_counts(demo.molecules)
    for row in np.random.default_rng(0).integers(0, demo.molecules.n_molecules, 200):
        mol = Chem.MolFromSmiles(demo.molecules.smiles_of(int(row)))
        assert counts[row] == mol.GetNumBonds() - mol.GetNumAtoms() + len(Chem.GetMolFrags(mol))


def test_functional_groups(dataset: Dataset) -> None:
    found = members(dataset, "functional_group")
    assert found["alcohol"] == [0, 8] and found["nitrile"] == [3] and found["amide"] == [5]
    assert found["aldehyde"] == [9] and found["aromatic ring"] == [1] and 2 in found["three-membered ring"]
    assert "ester" not in found  # none has one


def test_sizes_elements_and_heavy_atoms(dataset: Dataset) -> None:
    assert members(dataset, "element")["F"] == [6, 9]
    assert open_grouping(dataset, "element").labels[0] == "molecules with H"
    heavy = open_grouping(dataset, "heavy")
    assert heavy.spans == ((2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7)) and heavy.noun == "heavy atoms"
    assert members(dataset, "sizes") == members(dataset, "size")


def test_fifths_of_a_property(demo: Dataset) -> None:
    grouping = open_grouping(demo, "gap")
    counts = grouping.table.sum(axis=1)
    assert len(counts) == 5 and counts.sum() == demo.molecules.n_molecules
    assert np.abs(counts / counts.sum() - 0.2).max() < 0.001
    assert grouping.labels[0].startswith("HOMO-LUMO gap 0.8") and grouping.labels[0].endswith(" eV")


def test_filters_of_groups_mean_the_same_molecules(demo: Dataset) -> None:
    for by in ("size", "element", "size_element", "size_class", "rarity", "heavy", "gap"):
        grouping = open_grouping(demo, by)
        for selection, inside in list(zip(grouping.selections, grouping.table, strict=True))[::7]:
            assert selection is not None and np.array_equal(selection.mask(demo), inside), by
    predicates = open_predicates(demo)
    without = predicates.names.index("molecules without N")
    selection = predicates.selections[without]
    assert selection is not None and np.array_equal(selection.mask(demo), predicates.table[without])


def test_unknown_groupings_and_missing_smiles(dataset: Dataset) -> None:
    with pytest.raises(MollensError, match="grouping 'colour' is not known; known are all, size, element"):
        open_grouping(dataset, "colour")
    bare = dataclasses.replace(dataset.molecules, smiles=None)
    plain = fake_dataset("plain", bare)
    assert "rings" not in groupings_of(plain)
    with pytest.raises(MollensError, match="dataset plain: has no SMILES"):
        open_grouping(plain, "rings")


def test_some_groups_of_a_grouping(dataset: Dataset) -> None:
    kept = open_grouping(dataset, "heavy").keep([False, True, False, False, False, True])
    assert kept.names == ("3", "7") and kept.spans == ((3, 3), (7, 7)) and kept.table.shape == (2, 10)
