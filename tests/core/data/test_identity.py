"""Identity: what changes nothing, what changes everything, and the real sets that hold the same molecules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.data.identity import (
    N_ROUNDINGS,
    SHIFT,
    STEP,
    find_same,
    identities,
    identity_groups,
    matching,
    open_identities,
    read_identities,
)
from core.data.importers import import_file
from core.data.molecules import Molecules
from core.data.pairs import pair_chunks
from core.data.store import Dataset

WATER = np.array([[0.0, 0.0, 0.12], [0.0, 0.76, -0.47], [0.0, -0.76, -0.47]])
BUTANE = np.array(  # carbon skeleton, anti and gauche: equal bonds and angles, another dihedral
    [[0.0, 0.0, 0.0], [1.53, 0.0, 0.0], [2.04, 1.44, 0.0]]
)


def molecules(*parts: tuple[list[int], np.ndarray]) -> Molecules:
    sizes = [len(numbers) for numbers, _ in parts]
    return Molecules(
        numbers=np.concatenate([np.array(numbers, dtype=np.uint8) for numbers, _ in parts]),
        positions=np.concatenate([np.asarray(x, dtype=np.float64) for _, x in parts]),
        first_atom=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        ids=np.arange(10, 10 + len(parts)),
    )


def moved(demo: Molecules, positions: np.ndarray, numbers: np.ndarray | None = None) -> Molecules:
    return Molecules(
        numbers=demo.numbers if numbers is None else numbers,
        positions=positions,
        first_atom=demo.first_atom,
        ids=demo.ids,
    )


def agree(one: Molecules, other: Molecules) -> np.ndarray:
    return (identities(one) == identities(other)).any(axis=1)


@pytest.fixture
def some(demo: Dataset) -> Molecules:
    """300 molecules of all sizes."""
    return demo.molecules.take(np.linspace(0, demo.molecules.n_molecules - 1, 300).astype(int))


def test_place_turn_and_mirror_change_nothing(some: Molecules) -> None:
    rng = np.random.default_rng(1)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    for matrix in (turn, -turn, np.diag([1.0, 1.0, -1.0])):
        assert agree(some, moved(some, some.positions @ matrix.T + [3.0, -40.0, 7.0])).all()


def test_the_order_of_atoms_changes_nothing(some: Molecules) -> None:
    rng = np.random.default_rng(2)
    order = np.concatenate(
        [start + rng.permutation(size) for start, size in zip(some.first_atom[:-1], some.sizes, strict=True)]
    )
    assert agree(some, moved(some, some.positions[order], some.numbers[order])).all()


def test_rounded_and_noisy_coordinates_change_nothing(some: Molecules) -> None:
    rng = np.random.default_rng(3)
    assert agree(some, moved(some, np.round(some.positions, 3))).all()
    assert agree(some, moved(some, some.positions + rng.normal(0, 1e-4, some.positions.shape))).all()


def test_one_rounding_always_agrees_within_the_shift_and_none_beyond_the_step() -> None:
    """The pigeonhole behind the hashes, on the sums themselves: as many values near an edge as there are sums."""
    rng = np.random.default_rng(4)
    sums = rng.uniform(0, 1, (2000, N_ROUNDINGS - 1))
    near = sums + rng.uniform(-0.999, 0.999, sums.shape) * SHIFT
    far = sums.copy()
    far[:, 0] += 1.001 * STEP

    def cells(values: np.ndarray) -> np.ndarray:
        return np.stack([np.floor(values / STEP + k / N_ROUNDINGS) for k in range(N_ROUNDINGS)], axis=1)

    assert (cells(sums) == cells(near)).all(axis=2).any(axis=1).all()
    assert not (cells(sums) == cells(near)).all(axis=2).all()  # some do spoil a rounding
    assert not (cells(sums) == cells(far)).all(axis=2).any()


def test_other_molecules_and_conformers_differ(some: Molecules) -> None:
    a, b = matching(identities(some), identities(some))
    assert np.array_equal(a, b)  # each is like itself only
    anti = np.vstack([BUTANE, [3.57, 1.44, 0.0]])
    turned = np.vstack([BUTANE, [2.53, 2.13, 1.25]])
    both = molecules(([6, 6, 6, 6], anti), ([6, 6, 6, 6], turned), ([6, 6, 6, 7], anti), ([6, 6, 7, 6], anti))
    assert len(np.unique(identities(both), axis=0)) == 4
    assert not agree(both, both.take(np.array([1, 2, 3, 0]))).any()


def test_a_stretched_bond_is_another_geometry() -> None:
    longer = WATER.copy()
    longer[1] *= 1.05
    assert not agree(molecules(([8, 1, 1], WATER)), molecules(([8, 1, 1], longer))).any()


def test_single_atoms_and_far_coordinates_have_an_identity() -> None:
    odd = molecules(([1], np.zeros((1, 3))), ([2], np.zeros((1, 3))), ([1, 1], np.array([[0, 0, 0], [1e300, 0, 0]])))
    assert identities(odd).shape == (3, N_ROUNDINGS)
    assert not agree(odd, odd.take(np.array([1, 0, 2])))[:2].any()
    assert agree(odd, odd).all()


def test_a_group_is_named_by_its_lowest_id() -> None:
    other = WATER + np.array([5.0, 0.0, 0.0])
    set_of = molecules(([1, 8, 1], WATER[[1, 0, 2]]), ([8, 1, 1], 1.2 * WATER), ([8, 1, 1], WATER), ([8, 1, 1], -other))
    assert identity_groups(set_of, identities(set_of)).tolist() == [0, 1, 0, 0]
    backwards = Molecules(
        numbers=set_of.numbers, positions=set_of.positions, first_atom=set_of.first_atom, ids=np.array([9, 8, 7, 6])
    )
    assert identity_groups(backwards, identities(backwards)).tolist() == [3, 1, 3, 3]


def test_hashes_that_agree_by_accident_are_compared_distance_by_distance() -> None:
    pair = molecules(([8, 1, 1], WATER), ([8, 1, 1], 1.2 * WATER))
    assert identity_groups(pair, np.zeros((2, N_ROUNDINGS), dtype=np.uint64)).tolist() == [0, 1]


def test_pairs_come_once_whatever_the_chunk(some: Molecules, monkeypatch: pytest.MonkeyPatch) -> None:
    few = some.take(np.array([0, 150, 299]))
    whole = np.zeros(3)
    for chunk in pair_chunks(few):
        whole[chunk.rows] += chunk.distances.sum(axis=1)
    monkeypatch.setattr("core.data.pairs._CHUNK", 7)
    seen, pieces, done = np.zeros(3, dtype=int), np.zeros(3), []
    for chunk in pair_chunks(few, progress=lambda a, b: done.append((a, b))):
        assert (chunk.i < chunk.j).all() and chunk.distances.shape == (1, len(chunk.i))
        seen[chunk.rows] += len(chunk.i)
        pieces[chunk.rows] += chunk.distances.sum(axis=1)
    assert np.array_equal(seen, few.sizes * (few.sizes - 1) // 2)
    np.testing.assert_allclose(pieces, whole)
    assert done[-1] == (3, 3)


def test_groups_are_kept_and_a_damaged_file_is_found_anew(tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_identities(tiny) is None
    groups = open_identities(tiny)
    assert groups.tolist() == list(range(120))
    (path,) = tiny.folder.glob("identity-*.npy")
    with monkeypatch.context() as patch:
        patch.setattr("core.data.identity.identities", lambda *_: pytest.fail("was found already"))
        assert np.array_equal(open_identities(tiny), groups)
    for bad in (b"", b"junk", path.read_bytes()[:-100]):
        path.write_bytes(bad)
        assert read_identities(tiny) is None
        assert np.array_equal(open_identities(tiny), groups)
    np.save(path, np.full(120, 120))  # rows that do not exist
    assert read_identities(tiny) is None
    assert not list(tiny.folder.glob(".*.part"))


def test_the_archive_is_found_again_in_the_g4mp2_geometries(shared: Path) -> None:
    qm9 = import_file(shared / "qm9" / "dsgdb9nsd_subset.xyz.tar.bz2", "qm9").molecules
    with np.load(shared / "qm9" / "qm9_geometries_g4mp2.npz") as source:
        ids, sizes = source["id"].astype(np.int64), source["n_atoms"].astype(np.int64)
        every = Molecules(
            numbers=source["Z"].astype(np.uint8),
            positions=source["R_1e5A"] / 1e5,
            first_atom=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            ids=ids,
        )
    wanted = np.isin(ids, qm9.ids)
    assert wanted.sum() > 16_000
    # the molecules that both have, and as many that only the other has
    theirs = every.take(np.concatenate([np.flatnonzero(wanted), np.flatnonzero(~wanted)[:20_000]]))
    a, b = find_same(qm9, theirs)
    same = qm9.ids[a] == theirs.ids[b]
    assert np.array_equal(np.sort(qm9.ids[a[same]]), np.sort(ids[wanted]))
    assert (~same).sum() < 50  # QM9 holds some geometries under two ids
