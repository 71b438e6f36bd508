"""The packed store: what is saved comes back, damage is told, nothing half written stays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.data.card import Card, CardProperty
from core.data.molecules import Molecules, check_molecules
from core.data.store import Dataset, delete_dataset, list_datasets, open_dataset, save_dataset
from core.data.summary import count_by_size, describe, molecules_by_element, size_element_counts
from core.errors import MollensError


def water_and_fluoromethane() -> Molecules:
    """H2O and CH3F with made-up energies."""
    return Molecules(
        numbers=np.array([8, 1, 1, 6, 9, 1, 1, 1], dtype=np.uint8),
        positions=np.arange(24, dtype=np.float64).reshape(8, 3),
        first_atom=np.array([0, 3, 8]),
        ids=np.array([7, 4]),
        columns={"energy": np.array([-1.5, np.nan])},
        smiles=np.array([b"O", b"CF"]),
    )


def card(name: str = "two", **changes: object) -> Card:
    values = {
        "name": name, "title": "Two", "level_of_theory": "made up", "default_target": "energy",
        "properties": (CardProperty(key="energy", label="Total energy", unit="eV"),), "n_molecules": 1, "n_atoms": 1,
    }  # fmt: skip
    return Card.model_validate(values | changes)


@pytest.fixture
def two() -> Dataset:
    return save_dataset(water_and_fluoromethane(), card())


def test_what_is_saved_comes_back(two: Dataset) -> None:
    before, after = water_and_fluoromethane(), open_dataset("two").molecules
    for name in ("numbers", "positions", "first_atom", "ids", "smiles"):
        assert np.array_equal(getattr(before, name), getattr(after, name)), name
    assert np.array_equal(before.columns["energy"], after.columns["energy"], equal_nan=True)
    assert isinstance(after.positions, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        after.positions[0, 0] = 1.0


def test_known_answers_of_the_molecules(two: Dataset) -> None:
    molecules = two.molecules
    assert molecules.sizes.tolist() == [3, 5]
    assert molecules.heavy_atoms.tolist() == [1, 2]
    assert molecules.elements == (1, 6, 8, 9)
    assert molecules.element_counts.tolist() == [[2, 0, 1, 0], [3, 1, 0, 1]]
    assert molecules.contains(9).tolist() == [False, True]
    assert molecules.contains(7).tolist() == [False, False]
    assert [molecules.formula(row) for row in (0, 1)] == ["H2O", "CH3F"]
    assert molecules.rows_of(np.array([4, 7, 4])).tolist() == [1, 0, 1]
    with pytest.raises(MollensError, match="molecule 5: not in this dataset"):
        molecules.rows_of(np.array([4, 5]))
    assert molecules.to_ase(1).get_chemical_symbols() == ["C", "F", "H", "H", "H"]
    assert molecules.xyz(0).splitlines()[:2] == ["3", "id=7 H2O O"]
    turned = molecules.take(np.array([1, 0]))
    assert turned.ids.tolist() == [4, 7]
    assert turned.numbers.tolist() == [6, 9, 1, 1, 1, 8, 1, 1]
    assert turned.positions[0].tolist() == [9.0, 10.0, 11.0]


def test_counts(two: Dataset) -> None:
    sizes, counts = count_by_size(two.molecules)
    assert (sizes.tolist(), counts.tolist()) == ([3, 5], [1, 1])
    assert molecules_by_element(two.molecules) == {"H": 2, "C": 1, "O": 1, "F": 1}
    sizes, symbols, table = size_element_counts(two.molecules)
    assert symbols == ("H", "C", "O", "F")
    assert table.tolist() == [[1, 1], [0, 1], [1, 0], [0, 1]]
    told = describe(two)
    assert told["sizes"] == {"3": 1, "5": 1}
    assert told["missing"] == {"energy": 1}
    assert told["targets"] == ["energy"]


def test_targets(two: Dataset) -> None:
    assert two.target_key() == "energy"
    assert two.property("energy").unit == "eV"
    with pytest.raises(MollensError, match="'homo' cannot be a target; possible are energy"):
        two.target_key("homo")
    with pytest.raises(MollensError, match="has no property 'homo'"):
        two.property("homo")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"positions": np.full((8, 3), np.nan)}, "molecule 7 has a coordinate that is not a number"),
        ({"ids": np.array([4, 4])}, "id 4 occurs 2 times"),
        ({"numbers": np.array([8, 1, 0, 6, 9, 1, 1, 1], dtype=np.uint8)}, "molecule 7 has atomic number 0"),
        ({"first_atom": np.array([0, 0, 8])}, "molecule 7 has no atoms"),
    ],
)
def test_molecules_that_no_dataset_may_hold(change: dict[str, np.ndarray], message: str, home: Path) -> None:
    good = water_and_fluoromethane()
    values = {k: getattr(good, k) for k in ("numbers", "positions", "first_atom", "ids", "columns", "smiles")}
    with pytest.raises(MollensError, match=message):
        save_dataset(Molecules(**values | change), card("bad"))
    assert not (home / "data" / "bad").exists()


def test_no_molecules() -> None:
    nothing = Molecules(np.zeros(0, np.uint8), np.zeros((0, 3)), np.zeros(1, np.int64), np.zeros(0, np.int64))
    with pytest.raises(MollensError, match="no molecules"):
        check_molecules(nothing, "file")


def test_damage_is_told_and_listed(two: Dataset, home: Path) -> None:
    folder = home / "data" / "two"
    whole = (folder / "positions.npy").read_bytes()
    (folder / "positions.npy").write_bytes(whole[:-40])
    with pytest.raises(MollensError, match=r"positions.npy is damaged"):
        open_dataset("two")
    np.save(folder / "positions.npy", np.zeros((7, 3)))
    with pytest.raises(MollensError, match=r"positions.npy has 7 rows; the card says 8"):
        open_dataset("two")
    (folder / "positions.npy").unlink()
    with pytest.raises(MollensError, match=r"positions.npy is missing"):
        open_dataset("two")
    for odd, message in ((np.array(1.0), "single value"), (np.zeros((8, 3), np.float32), "holds float32")):
        np.save(folder / "positions.npy", odd)
        with pytest.raises(MollensError, match=message):
            open_dataset("two")
    np.save(folder / "positions.npy", np.zeros((8, 3)))
    np.save(folder / "first_atom.npy", np.array([0, 9, 8]))
    with pytest.raises(MollensError, match=r"first_atom.npy is damaged"):
        open_dataset("two")
    (folder / "card.json").write_text("{")
    assert "damaged" in {e.name: e.error or "" for e in list_datasets()}["two"]
    (folder / "card.json").write_text(json.dumps({"format": 2}))
    with pytest.raises(MollensError, match=r"format 2; this Mollens reads up to 1"):
        open_dataset("two")


def test_a_missing_dataset_names_those_there_are(two: Dataset) -> None:
    with pytest.raises(MollensError, match="dataset qm9: not found; there are demo, two"):
        open_dataset("qm9")


def test_delete_goes_to_the_trash(two: Dataset, home: Path) -> None:
    grave = delete_dataset("two")
    assert (grave / "card.json").exists()
    assert not (home / "data" / "two").exists()
    with pytest.raises(MollensError, match="embedded"):
        delete_dataset("demo")


def test_the_embedded_dataset(demo: Dataset, home: Path) -> None:
    assert demo.embedded
    assert demo.molecules.n_molecules == demo.card.n_molecules >= 10_000
    assert set(demo.molecules.symbols) == {"H", "C", "N", "O", "F"}
    assert int(demo.molecules.heavy_atoms.max()) <= 9
    assert demo.card.level_of_theory == "GFN2-xTB"
    assert "U0" not in demo.card.default_target
    columns = demo.molecules.columns
    assert np.allclose(columns["gap"], columns["lumo"] - columns["homo"], atol=1e-9)
    atoms = demo.card.atomic_energies["energy"]
    free = demo.molecules.element_counts @ np.array([atoms[s] for s in demo.molecules.symbols])
    assert np.allclose(columns["atomization_energy"], columns["energy"] - free, atol=2e-6)
    assert (columns["atomization_energy"] < 0).all()
    charges = np.add.reduceat(demo.molecules.atom_columns["partial_charges"], demo.molecules.first_atom[:-1])
    assert np.abs(charges).max() < 2e-3
    assert demo.folder == home / "data" / "demo"


def test_a_damaged_copy_of_the_embedded_dataset_is_made_anew(demo: Dataset, home: Path) -> None:
    damaged = next((home / "data" / "demo").glob("unpacked-*")) / "positions.npy"
    damaged.unlink()  # a new file: the old one is still mapped
    damaged.write_bytes(b"")
    again = open_dataset("demo").molecules.positions
    assert np.array_equal(again, demo.molecules.positions)
    assert len(list((home / "trash").iterdir())) == 1


def test_each_molecule_of_the_embedded_dataset_is_there_once(demo: Dataset) -> None:
    smiles = [demo.molecules.smiles_of(row) for row in range(demo.molecules.n_molecules)]
    assert len(set(smiles)) == len(smiles)
    assert (np.diff(demo.molecules.sizes) >= 0).all()
