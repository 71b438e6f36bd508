"""Defects: each kind in molecules made to have it, no false alarm on real ones, and what is kept on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.data.card import Card
from core.data.defects import KINDS, find_defects, read_defects
from core.data.importers import import_file
from core.data.molecules import Molecules
from core.data.store import Dataset, delete_dataset, save_dataset
from core.errors import MollensError


@pytest.fixture
def faulty(demo: Dataset) -> Dataset:
    """Six molecules with a known defect each.

    1 and 2 are sound, 3 is 1 mirrored with another energy, 4 is 2 moved, 5 has two atoms on each other, 6 no energy.
    """
    rows = np.array([100, 5000, 100, 5000, 9000, 12000])
    taken = demo.molecules.take(rows)
    positions, first = taken.positions.copy(), taken.first_atom
    positions[first[2] : first[3]] *= -1
    positions[first[3] : first[4]] += 7.0
    positions[first[4] + 1] = positions[first[4]] + [0.3, 0.0, 0.0]
    energy = np.array(taken.columns["energy"])
    energy[2] += 0.5
    energy[5] = np.nan
    columns = {**{key: np.array(values) for key, values in taken.columns.items()}, "energy": energy}
    molecules = Molecules(taken.numbers, positions, first, np.arange(1, 7), columns, taken.atom_columns, taken.smiles)
    return save_dataset(molecules, Card.model_validate(demo.card.model_dump() | {"name": "faulty"}))


def flagged(dataset: Dataset, kind: str) -> list[int]:
    found = read_defects(dataset)
    assert found is not None
    return [int(i) for i in dataset.molecules.ids[found.flags[kind]]]


def test_every_kind_is_found_and_kept(faulty: Dataset) -> None:
    assert read_defects(faulty) is None
    seen: list[tuple[int, int]] = []
    found = find_defects(faulty, lambda done, total: seen.append((done, total)))
    assert list(found.flags) == list(KINDS)
    assert seen[-1] == (12, 12) and seen == sorted(seen)
    assert flagged(faulty, "duplicate") == [3, 4]
    assert flagged(faulty, "close_contact") == [5]
    assert flagged(faulty, "missing") == [6]
    assert flagged(faulty, "uncharacterized") == []
    counts = found.counts["duplicate"]
    assert (counts["n"], counts["groups"], counts["conflicting"]) == (2, 2, 1)
    assert counts["examples"] == [[1, 3], [2, 4]] and counts["conflicting_examples"] == [[1, 3]]
    assert found.counts["missing"]["by_property"] == {"energy": 1}
    assert found.counts["close_contact"]["examples"] == [5] and found.counts["close_contact"]["nearest"] < 0.4
    again = read_defects(faulty)
    assert again is not None and again.counts == found.counts
    assert again.any.tolist() == [False, False, True, True, True, True]


def test_a_list_of_uncharacterized_molecules_asks_for_a_new_search(faulty: Dataset) -> None:
    find_defects(faulty)
    np.save(faulty.folder / "uncharacterized.npy", np.array([2, 999]))
    assert read_defects(faulty) is None
    found = find_defects(faulty)
    assert found.counts["uncharacterized"] == {"n": 1, "list": True, "listed": 2, "examples": [2]}
    assert flagged(faulty, "uncharacterized") == [2]


def test_a_damaged_list_is_told(faulty: Dataset) -> None:
    (faulty.folder / "uncharacterized.npy").write_bytes(b"junk")
    with pytest.raises(MollensError, match=r"uncharacterized.npy is damaged"):
        find_defects(faulty)
    np.save(faulty.folder / "uncharacterized.npy", np.array([["a"]]))
    with pytest.raises(MollensError, match="expected a list of ids"):
        find_defects(faulty)
    assert read_defects(faulty) is None


def test_a_damaged_result_counts_as_none(faulty: Dataset) -> None:
    find_defects(faulty)
    (path,) = faulty.folder.glob("defects-*.npz")
    whole = path.read_bytes()
    for bad in (b"", b"junk", whole[: len(whole) // 2], whole[:-30] + b"x" * 30):
        path.write_bytes(bad)
        assert read_defects(faulty) is None
    assert find_defects(faulty).counts["duplicate"]["n"] == 2


def test_other_molecules_have_no_defects_of_these(faulty: Dataset, tiny: Dataset) -> None:
    find_defects(faulty)
    assert read_defects(tiny) is None


def test_a_deleted_dataset_is_not_brought_back(faulty: Dataset) -> None:
    delete_dataset("faulty")
    with pytest.raises(MollensError, match="has been deleted"):
        find_defects(faulty)
    assert not faulty.folder.exists()


def test_the_embedded_dataset_raises_no_false_alarm(demo: Dataset) -> None:
    found = find_defects(demo)
    assert not found.any.any()
    assert found.counts["close_contact"]["nearest"] == pytest.approx(0.774, abs=1e-3)


def test_what_the_real_archive_has(shared: Path) -> None:
    dataset = import_file(shared / "qm9" / "dsgdb9nsd_subset.xyz.tar.bz2", "qm9")
    found = find_defects(dataset)
    assert {kind: found.counts[kind]["n"] for kind in ("duplicate", "close_contact", "missing")} == {
        "duplicate": 2,
        "close_contact": 0,
        "missing": 0,
    }
    assert found.counts["duplicate"]["examples"] == [[24638, 24642], [28636, 28644]]
    assert found.counts["duplicate"]["conflicting"] == 0
