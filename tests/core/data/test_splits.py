"""Splits: known answers, repeatability, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.data.card import Card
from core.data.molecules import Molecules
from core.data.split_making import command, make_folds, make_split, preview
from core.data.split_methods import default_shares
from core.data.splits import Split, list_splits, open_split
from core.data.store import Dataset, delete_dataset, save_dataset
from core.errors import MollensError
from core.files import write_json
from tests.conftest import save_some

DEMO_DEFAULT = "27c676a5a66cc601b9ae1041ba2fe6c7b34ef6a46b7c9930cdcd6e1ba4383f00"


def test_the_default_split_is_80_10_10_and_disjoint(tiny: Dataset) -> None:
    split = open_split(tiny)
    assert (len(split.train), len(split.validation), len(split.test)) == (96, 12, 12)
    everything = np.concatenate([split.train, split.validation, split.test])
    assert np.array_equal(np.sort(everything), np.sort(tiny.molecules.ids))
    assert open_split(tiny).hash == split.hash
    assert (np.bincount(split.codes(tiny.molecules.ids)) == [96, 12, 12]).all()
    assert split.codes(np.array([10**9])).tolist() == [255]


def test_full_qm9_gets_the_usual_numbers() -> None:
    assert default_shares(133_885) == (110_000, 10_000)
    assert default_shares(120_000) == (0.8, 0.1)


def test_a_split_does_not_depend_on_the_order_of_the_molecules(tiny: Dataset) -> None:
    one = make_split(tiny, "one", seed=5)
    shuffled = Dataset(
        tiny.name, tiny.card, tiny.molecules.take(np.arange(tiny.molecules.n_molecules)[::-1]), tiny.folder
    )
    two = make_split(shuffled, "two", seed=5)
    assert one.hash == two.hash
    assert make_split(tiny, "three", seed=6).hash != one.hash


def test_the_division_of_the_thesis_has_no_test_part(tiny: Dataset) -> None:
    split = make_split(tiny, "thesis", train=0.8, validation=0.2)
    assert (len(split.train), len(split.validation), len(split.test)) == (96, 24, 0)
    assert list_splits(tiny) == ["default", "thesis"]


def test_numbers_above_one_are_molecules(tiny: Dataset) -> None:
    split = make_split(tiny, "numbers", train=100, validation=15)
    assert (len(split.train), len(split.validation), len(split.test)) == (100, 15, 5)


@pytest.mark.parametrize(
    ("train", "validation"), [(0.9, 0.2), (200, 0), (0, 0.1), (-0.1, 0.1), (1.5, 0.1), (float("nan"), 0.1), (0.8, 50)]
)
def test_shares_that_do_not_fit_are_refused(tiny: Dataset, train: float, validation: float) -> None:
    with pytest.raises(MollensError, match="split bad"):
        make_split(tiny, "bad", train=train, validation=validation)
    assert list_splits(tiny) == ["default"]


def test_refusals(tiny: Dataset) -> None:
    make_split(tiny, "one")
    with pytest.raises(MollensError, match="already has it"):
        make_split(tiny, "one", seed=3)
    with pytest.raises(MollensError, match="split default: belongs to dataset tiny"):
        make_split(tiny, "default", train=0.5, validation=0.5)
    with pytest.raises(MollensError, match="'sorted' is not known"):
        make_split(tiny, "two", method="sorted")
    with pytest.raises(MollensError, match="not allowed"):
        make_split(tiny, "../two")
    with pytest.raises(MollensError, match="does not have it; it has default, one"):
        open_split(tiny, "two")


def test_a_changed_split_is_not_believed(tiny: Dataset, home: Path) -> None:
    open_split(tiny)
    path = home / "data" / "tiny" / "splits" / "default.json"
    content = json.loads(path.read_text())
    moved = content | {"train": content["train"] + content["test"][:1], "test": content["test"][1:]}
    path.write_text(json.dumps(moved))
    with pytest.raises(MollensError, match="does not match its own hash"):
        open_split(tiny)
    path.write_text(json.dumps(content | {"dataset_sha256": "other"}))
    with pytest.raises(MollensError, match="other data of the same name"):
        open_split(tiny)
    path.write_text("[1, 2")
    with pytest.raises(MollensError, match="damaged"):
        open_split(tiny)


def parts_of(split: Split, dataset: Dataset) -> list[np.ndarray]:
    """Rows of training, validation and test."""
    return [dataset.molecules.rows_of(part) for part in (split.train, split.validation, split.test)]


def is_whole(split: Split, dataset: Dataset) -> bool:
    everything = np.concatenate([split.train, split.validation, split.test])
    return np.array_equal(np.sort(everything), np.sort(dataset.molecules.ids))


@pytest.fixture
def doubled(demo: Dataset) -> Dataset:
    """60 molecules of demo, each a second time turned about, under the id 10,000 higher."""
    rows = np.linspace(0, demo.molecules.n_molecules - 1, 60).astype(int)
    taken = demo.molecules.take(np.concatenate([rows, rows]))
    positions = taken.positions.copy()
    positions[len(positions) // 2 :] *= -1
    ids = np.concatenate([np.arange(60), 10_000 + np.arange(60)])
    molecules = Molecules(taken.numbers, positions, taken.first_atom, ids, taken.columns, taken.atom_columns)
    return save_dataset(molecules, Card.model_validate(demo.card.model_dump() | {"name": "doubled"}))


def test_the_default_split_of_demo_never_changes(demo: Dataset) -> None:
    """Runs that ship with the project name this hash."""
    assert open_split(demo).hash == DEMO_DEFAULT
    assert preview(demo, parameters={"together": "none"}).hash == DEMO_DEFAULT
    assert preview(demo).hash == DEMO_DEFAULT  # no molecule of demo is there twice


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("random", {"train": 0.5, "validation": 0.25}),
        ("stratified", {}),
        ("leave_out_sizes", {"sizes": "3-9, 22"}),
        ("leave_out_element", {"element": "N", "validation": 20}),
        ("k_fold", {"k": 3, "fold": 2}),
        ("thesis", {}),
        ("random", {"where": ["size=10-20"]}),
    ],
)
def test_what_is_saved_is_what_was_previewed(tiny: Dataset, method: str, parameters: dict[str, Any]) -> None:
    seen = preview(tiny, method, 3, parameters)
    assert list_splits(tiny) == ["default"] and not (tiny.folder / "splits").exists()
    made = make_split(tiny, "one", method, 3, **parameters)
    assert made.hash == seen.hash == open_split(tiny, "one").hash
    assert open_split(tiny, "one").parameters == {**parameters, "together": "identity"}
    assert preview(tiny, method, 4, parameters).hash != seen.hash
    assert is_whole(made, tiny) == ("where" not in parameters)


def test_every_size_is_divided_alike(demo: Dataset) -> None:
    split = preview(demo, "stratified", seed=1)
    n = demo.molecules.n_molecules
    assert (len(split.train), len(split.validation)) == (int(n * 0.8 + 0.5), int(n * 0.1 + 0.5))
    sizes = demo.molecules.sizes
    every = np.bincount(sizes)
    for rows, share in zip(parts_of(split, demo), (0.8, 0.1, 0.1), strict=True):
        found = np.bincount(sizes[rows], minlength=len(every))
        assert np.abs(found - share * every).max() < 2  # rounding of two ends, carried on
    trained = np.bincount(sizes[parts_of(split, demo)[0]], minlength=len(every))
    assert (trained[every > 0] > 0).all()


def test_a_size_that_occurs_once_is_trained(tiny: Dataset) -> None:
    sizes, counts = np.unique(tiny.molecules.sizes, return_counts=True)
    for seed in range(10):
        split = preview(tiny, "stratified", seed, {"train": 0.3, "validation": 0.3})
        trained, *held_out = (tiny.molecules.sizes[rows] for rows in parts_of(split, tiny))
        assert set(sizes[counts == 1]) <= set(trained)
        assert set(np.concatenate(held_out)) <= set(trained)


def test_sizes_that_are_left_out_are_the_test_part(tiny: Dataset) -> None:
    split = preview(tiny, "leave_out_sizes", 0, {"sizes": "20-29,12"})
    sizes = tiny.molecules.sizes
    trained, validated, tested = (sizes[rows] for rows in parts_of(split, tiny))
    left_out = ((sizes >= 20) & (sizes <= 29)) | (sizes == 12)
    assert len(tested) == left_out.sum() and set(tested) == set(sizes[left_out])
    assert not set(tested) & (set(trained) | set(validated))
    assert len(validated) == round(0.1 * (120 - len(tested)))
    assert preview(tiny, "leave_out_sizes", 0, {"sizes": "29-20,12"}).hash == split.hash


def test_an_element_that_is_left_out_is_only_tested(tiny: Dataset) -> None:
    split = preview(tiny, "leave_out_element", 0, {"element": "N", "validation": 0.2})
    has = tiny.molecules.contains(7)
    trained, validated, tested = parts_of(split, tiny)
    assert np.array_equal(np.sort(tested), np.flatnonzero(has))
    assert not has[trained].any() and not has[validated].any()
    assert len(validated) == round(0.2 * (~has).sum())


def test_folds_test_every_molecule_once(tiny: Dataset) -> None:
    folds = make_folds(tiny, "cv", k=7, seed=2)
    assert list_splits(tiny) == ["default", *(f"cv-{fold}of7" for fold in range(1, 8))]
    assert np.array_equal(np.sort(np.concatenate([fold.test for fold in folds])), np.sort(tiny.molecules.ids))
    assert {len(fold.test) for fold in folds} <= {17, 18}
    for number, fold in enumerate(folds, start=1):
        assert is_whole(fold, tiny) and len(fold.validation) > 0
        assert open_split(tiny, fold.name).hash == fold.hash
        assert preview(tiny, "k_fold", 2, {"k": 7, "fold": number}).hash == fold.hash


def test_folds_are_saved_all_or_none(tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    make_split(tiny, "cv-3of5")
    with pytest.raises(MollensError, match="split cv-3of5: .* already has it"):
        make_folds(tiny, "cv", k=5)
    assert list_splits(tiny) == ["default", "cv-3of5"]

    def full(path: Path, content: dict[str, Any]) -> None:
        if "4of4" in path.name:
            raise MollensError("no space left")
        write_json(path, content)

    monkeypatch.setattr("core.data.splits.write_json", full)
    with pytest.raises(MollensError, match="no space left"):
        make_folds(tiny, "cv", k=4)
    assert list_splits(tiny) == ["default", "cv-3of5"]


def test_the_thesis_has_80_to_20_and_takes_no_shares(tiny: Dataset) -> None:
    split = make_split(tiny, "thesis", "thesis")
    assert (len(split.train), len(split.validation), len(split.test)) == (96, 24, 0)
    assert split.hash == preview(tiny, "random", 0, {"train": 0.8, "validation": 0.2}).hash
    with pytest.raises(MollensError, match="thesis does not take train"):
        make_split(tiny, "other", "thesis", train=0.5)


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("random", {}),
        ("stratified", {}),
        ("leave_out_sizes", {"sizes": "20-29"}),
        ("leave_out_element", {"element": "N"}),
        ("k_fold", {"k": 4, "fold": 4}),
        ("thesis", {}),
    ],
)
def test_equal_molecules_stay_in_one_part(doubled: Dataset, method: str, parameters: dict[str, Any]) -> None:
    for seed in range(3):
        split = preview(doubled, method, seed, parameters)
        codes = split.codes(doubled.molecules.ids)
        assert np.array_equal(codes[:60], codes[60:])
        assert is_whole(split, doubled)
    apart = preview(doubled, "random", 0, {"together": "none"}).codes(doubled.molecules.ids)
    assert (apart[:60] != apart[60:]).any()
    assert abs(len(preview(doubled).train) - 96) <= 1


def test_a_selection_is_divided_and_the_rest_is_in_no_part(tiny: Dataset) -> None:
    split = make_split(tiny, "some", where=["size=15-19", "element=O"])
    sizes, has = tiny.molecules.sizes, tiny.molecules.contains(8)
    wanted = (sizes >= 15) & (sizes <= 19) & has
    assert np.array_equal(split.codes(tiny.molecules.ids) != 255, wanted)
    assert len(split.train) == round(0.8 * wanted.sum())
    again = make_split(tiny, "again", where=["split=some:train"])
    assert set(np.concatenate([again.train, again.validation, again.test])) == set(split.train)


@pytest.mark.parametrize(
    ("method", "parameters", "message"),
    [
        ("sorted", {}, "'sorted' is not known; known are random, stratified"),
        ("random", {"k": 5}, "random does not take k"),
        ("random", {"train": "half"}, "train is 'half'; expected int or float"),
        ("random", {"together": "some"}, "together is 'some'"),
        ("random", {"where": ["colour=red"]}, "filter 'colour=red'"),
        ("random", {"where": ["size=99"]}, "no molecule is left by size=99"),
        ("random", {"where": ["size=17"], "train": 100}, "do not fit"),
        ("stratified", {"train": 0.9, "validation": 0.2}, "do not fit 120 molecules"),
        ("leave_out_sizes", {}, "sizes is missing"),
        ("leave_out_sizes", {"sizes": "big"}, "sizes 'big': expected a number of atoms"),
        ("leave_out_sizes", {"sizes": "1-2"}, "no molecule has 1-2 atoms, so the test part would be empty"),
        ("leave_out_sizes", {"sizes": "1-99"}, "every molecule has 1-99 atoms, so nothing would be left to train on"),
        ("leave_out_sizes", {"sizes": "20-29", "validation": 1.0}, "leaves none of the"),
        ("leave_out_sizes", {"sizes": "20-29", "validation": -0.1}, "validation is -0.1"),
        ("leave_out_sizes", {"sizes": "20-29", "validation": float("inf")}, "validation is inf"),
        ("leave_out_element", {}, "element is missing"),
        ("leave_out_element", {"element": "Zr"}, "element Zr does not occur in dataset tiny; it has H, C"),
        ("leave_out_element", {"element": "Kryptonite" * 9}, "is not known; dataset tiny has"),
        ("leave_out_element", {"element": "C"}, "every molecule contains C|element C"),
        ("k_fold", {"k": 10_000}, "k is 10,000; 120 molecules can be divided into 2 to 20 folds"),
        ("k_fold", {"k": 1}, "k is 1;"),
        ("k_fold", {"k": 5, "fold": 6}, "fold is 6; expected 1 to 5"),
        ("k_fold", {"k": 5.0}, "k is '5.0'; expected int"),
    ],
)
def test_bad_parameters_are_named_and_nothing_is_written(
    tiny: Dataset, method: str, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(MollensError, match=f"^split: .*({message})"):
        preview(tiny, method, 0, parameters)
    with pytest.raises(MollensError, match=f"^split bad: .*({message})"):
        make_split(tiny, "bad", method, **parameters)
    assert list_splits(tiny) == ["default"]


def test_more_folds_than_molecules_are_refused(tiny: Dataset) -> None:
    with pytest.raises(MollensError, match="k is 15; 10 molecules can be divided into 2 to 10 folds"):
        make_folds(tiny, "cv", k=15, where=["id=" + ",".join(str(i) for i in tiny.molecules.ids[:10])])


@pytest.mark.parametrize("seed", [-1, 2**63, "one", 1.5])
def test_a_seed_that_is_none_is_refused(tiny: Dataset, seed: Any) -> None:
    with pytest.raises(MollensError, match="expected a whole number from 0"):
        preview(tiny, "random", seed)


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../x", "x" * 65, "a b", "ä"])
def test_hostile_names_are_refused(tiny: Dataset, name: str) -> None:
    with pytest.raises(MollensError, match="not allowed"):
        make_split(tiny, name)
    with pytest.raises(MollensError, match="not allowed"):
        make_folds(tiny, name)
    with pytest.raises(MollensError, match="not allowed"):
        make_folds(tiny, "x" * 60)
    assert list_splits(tiny) == ["default"]


def test_nothing_is_written_for_a_dataset_that_is_gone_or_another(tiny: Dataset, demo: Dataset) -> None:
    delete_dataset("tiny")
    for act in (make_split, make_folds):
        with pytest.raises(MollensError, match="has been deleted"):
            act(tiny, "one")
    with pytest.raises(MollensError, match="has been deleted"):
        open_split(tiny)
    with pytest.raises(MollensError, match="has been deleted"):
        preview(tiny)
    assert not tiny.folder.exists()
    save_some(demo, "tiny", 50)
    with pytest.raises(MollensError, match="has been replaced by other data"):
        make_split(tiny, "one")
    assert list_splits(tiny) == ["default"]


def test_a_split_of_an_older_mollens_opens(tiny: Dataset, home: Path) -> None:
    made = make_split(tiny, "old", seed=4, train=0.7, validation=0.1)
    path = home / "data" / "tiny" / "splits" / "old.json"
    content = json.loads(path.read_text())
    del content["parameters"]
    path.write_text(json.dumps(content))
    assert open_split(tiny, "old").hash == made.hash
    assert open_split(tiny, "old").parameters == {}


@pytest.mark.parametrize(
    "change",
    [
        {"train": [[1, 2], [3, 4]]},
        {"test": "all"},
        {"train": None},
        {"parameters": 3},
        {"seed": "x"},
        {"train": [1e30]},
    ],
)
def test_a_damaged_split_is_told(tiny: Dataset, home: Path, change: dict[str, Any]) -> None:
    make_split(tiny, "one")
    path = home / "data" / "tiny" / "splits" / "one.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(MollensError, match="split one of dataset tiny: .*(damaged|own hash)"):
        open_split(tiny, "one")


def test_the_command_line_that_makes_a_split() -> None:
    given = {"k": 5, "validation": 0.2, "together": "identity", "where": ["size=3-9", "smiles=C C"], "train": None}
    assert command("demo", "cv", "k_fold", 2, given) == (
        "python -m core split demo --name cv --method k_fold --seed 2 --folds 5 --validation 0.2 "
        "--where size=3-9 --where 'smiles=C C'"
    )
    assert "--together none" in command("demo", "a", "random", 0, {"together": "none"})
