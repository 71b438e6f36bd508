"""Splits: known answers, repeatability, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.data.splits import default_shares, list_splits, make_split, open_split
from core.data.store import Dataset
from core.errors import MollensError


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
