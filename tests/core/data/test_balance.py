import math
from pathlib import Path

import numpy as np
import pytest

from core.data.balance import cap_sizes, effective_number, element_balance, inverse_simpson, size_balance
from core.data.molecules import Molecules
from core.errors import MollensError
from tests.core.data.test_cells import molecules_of


def test_equal_classes_count_in_full_and_empty_ones_not_at_all() -> None:
    for measure in (effective_number, inverse_simpson):
        assert measure(np.array([7, 7, 7, 0])) == pytest.approx(3)
        assert measure(np.array([5])) == pytest.approx(1)
        assert measure(np.zeros(3, dtype=np.int64)) == 0


def test_known_numbers_of_unequal_classes() -> None:
    counts = np.array([50, 25, 25])
    assert effective_number(counts) == pytest.approx(2 * math.sqrt(2))  # entropy 1.5 ln 2
    assert inverse_simpson(counts) == pytest.approx(1 / 0.375)


def test_rare_sizes_are_those_below_one_percent() -> None:
    molecules = molecules_of(*[[1, 1]] * 99, *[[8, 1, 1]] * 100, [6, 1, 1, 1, 1])
    found = size_balance(molecules)
    assert (found.n, found.n_classes, found.rare, found.n_rare) == (200, 3, (5,), 1)
    assert found.rare_share == pytest.approx(1 / 200)
    assert size_balance(molecules, np.arange(99, 199)).effective == pytest.approx(1)


def test_elements_are_balanced_by_atoms_and_rare_by_molecules() -> None:
    molecules = molecules_of(*[[1, 1]] * 150, *[[8, 1]] * 50, [9, 1])
    found = element_balance(molecules)
    assert (found.n, found.n_classes, found.rare, found.n_rare) == (402, 3, (9,), 1)
    assert found.simpson == pytest.approx(402**2 / (351**2 + 50**2 + 1))
    some = element_balance(molecules, np.array([0, 150]))
    assert (some.n, some.n_classes, some.rare) == (4, 2, ())


def test_a_cap_cuts_only_what_is_above_it() -> None:
    molecules = molecules_of(*[[1, 1]] * 8, *[[8, 1, 1]] * 3)
    cap = cap_sizes(molecules, 5)
    assert (cap.sizes.tolist(), cap.before.tolist(), cap.after.tolist()) == ([2, 3], [8, 3], [5, 3])
    assert cap.kept == 8 and cap.share == pytest.approx(8 / 11)
    assert cap_sizes(molecules, 5, np.arange(4)).after.tolist() == [4]
    with pytest.raises(MollensError, match="cap: 0 molecules per size; it must be 1 or more"):
        cap_sizes(molecules, 0)


def test_balancing_the_real_geometries_as_the_thesis_did(shared: Path) -> None:
    with np.load(shared / "qm9" / "qm9_geometries_g4mp2.npz", allow_pickle=False) as arrays:
        first_atom = np.concatenate([[0], np.cumsum(arrays["n_atoms"], dtype=np.int64)])
        numbers = arrays["Z"].astype(np.uint8)
    molecules = Molecules(numbers, np.zeros((len(numbers), 3)), first_atom, np.arange(len(first_atom) - 1))
    found = size_balance(molecules)
    assert (found.n, found.n_classes, found.n_rare) == (128_744, 26, 2637)
    assert found.effective == pytest.approx(11.712, abs=1e-3)
    assert found.rare == (*range(3, 12), 24, 26, 27, 29)
    assert cap_sizes(molecules, 2000).kept == 28_468
