"""Weights of molecules against values by hand and against what was found on QM9."""

from __future__ import annotations

import numpy as np
import pytest

from core.data.molecules import Molecules
from core.data.store import Dataset
from core.errors import MollensError
from core.recipes.create import create_run
from core.recipes.presets import preset
from core.recipes.recipe import Recipe, changed
from core.recipes.weights import (
    effective_number_weight,
    effective_sample_size,
    inverse_frequency_weight,
    molecule_weights,
    size_frequency_weight,
    size_weight,
    weight_curve,
)
from core.runs.folder import list_runs
from tests.core.recipes.test_sampling import molecules

# Molecules per atom count in a random 100,000 of QM9's usual 130,831.
QM9 = {
    3: 1, 4: 4, 5: 5, 6: 9, 7: 16, 8: 49, 9: 124, 10: 362, 11: 807, 12: 1689, 13: 3060, 14: 5136, 15: 7796, 16: 10644,
    17: 13025, 18: 13364, 19: 13832, 20: 9482, 21: 9970, 22: 3393, 23: 4848, 24: 539, 25: 1506, 26: 48, 27: 266, 29: 25,
}  # fmt: skip
QM9_SIZES, QM9_COUNTS = np.array(list(QM9)), np.array(list(QM9.values()))


def recipe(*settings: str) -> Recipe:
    return changed(Recipe(), list(settings))


def of_sizes(sizes: list[int], *settings: str) -> list[float]:
    made = molecules(np.array(sizes))
    return molecule_weights(recipe(*settings), made, np.arange(len(sizes))).tolist()


def test_the_size_formula_by_hand() -> None:
    assert size_weight(np.array([7, 17, 27, 5]), 1) == pytest.approx([1.0, 1.1, 1.2, 0.98])
    assert size_weight(np.array([7, 17, 27, 5]), 10) == pytest.approx([1.0, 1.1, 103.4, 1 + 1024e-11])
    assert size_weight(np.array([3, 29]), 0).tolist() == [1, 1]
    assert size_weight(np.array([27]), 20) == pytest.approx([20**20 / 1e21 + 1])


def test_the_size_formula_is_undefined_below_7_atoms_at_broken_rates() -> None:
    found = size_weight(np.array([3, 6, 7, 8]), 2.5)
    assert np.isnan(found[:2]).all() and np.isfinite(found[2:]).all()
    with pytest.raises(MollensError, match=r"at rate 2.5 .* for sizes 3 and 6 \(2 of 4 training molecules\)"):
        of_sizes([3, 6, 7, 8], "weighting=size", "weight_rate=2.5")


def test_size_weights_on_qm9_are_as_they_were_found() -> None:
    weights = np.repeat(size_weight(QM9_SIZES, 10), QM9_COUNTS)
    sizes = np.repeat(QM9_SIZES, QM9_COUNTS)
    assert weights.mean() == pytest.approx(3.3, abs=0.05)
    assert effective_sample_size(weights) / len(weights) == pytest.approx(0.13, abs=0.005)
    assert weights[sizes >= 25].sum() / weights.sum() == pytest.approx(0.28, abs=0.005)
    assert (sizes >= 25).mean() < 0.02


def test_the_size_and_frequency_formula_as_printed() -> None:
    sizes = np.arange(3, 30)
    at_10 = dict(zip(sizes.tolist(), size_frequency_weight(sizes, 10).tolist(), strict=True))
    assert all(np.isnan(at_10[size]) for size in range(3, 14))
    assert at_10[14] == pytest.approx(np.log(14.0**10 / 1e11 - 10 / 4.5)) and at_10[14] < 0
    assert at_10[15] > 0 and at_10[29] == pytest.approx(8.344, abs=1e-3)
    at_1 = size_frequency_weight(np.arange(3, 200), 1)
    assert np.isnan(at_1[: 23 - 3]).all() and np.isfinite(at_1[23 - 3 :]).all()
    assert (at_1[23 - 3 : 123 - 3] < 0).all() and at_1[123 - 3] > 0  # "s below 23 and more": negative up to 122
    assert size_frequency_weight(sizes, 0).tolist() == [1] * len(sizes)


def test_refused_sizes_are_named_with_their_molecules_and_the_ways_out() -> None:
    settings = ("weighting=size_frequency", "weight_rate=10")
    with pytest.raises(MollensError) as refused:
        of_sizes([3, 9, 13, 14, 15, 20], *settings)
    assert str(refused.value) == (
        "recipe: weighting size_frequency at rate 10 is undefined, negative or zero for sizes 3 to 14 (4 of 6 training "
        "molecules); set least_weight above 0 to clip there, leave these sizes out with min_atoms, or choose another "
        "rate"
    )
    assert min(of_sizes([15, 20], *settings)) > 0
    with pytest.raises(MollensError, match=r"for sizes 13 and 14 \(2 of 3 training molecules\)"):
        of_sizes([13, 14, 20], *settings)
    with pytest.raises(MollensError, match=r"for size 14 \(1 of 2 training molecules\)"):
        of_sizes([14, 20], *settings)


def test_clipping_takes_the_place_of_what_is_too_small() -> None:
    settings = ("weighting=size_frequency", "weight_rate=10", "normalise_weights=false")
    weights = of_sizes([3, 13, 14, 15, 20], *settings, "least_weight=0.5")
    assert weights[:3] == [0.5, 0.5, 0.5]
    assert weights[3:] == pytest.approx(size_frequency_weight(np.array([15, 20]), 10).tolist())
    higher = of_sizes([3, 15, 20], *settings, "least_weight=2")
    assert higher[:2] == [2, 2] and higher[2] > 2
    curve = weight_curve(recipe(*settings, "least_weight=2"), molecules(np.array([3, 15, 20])), np.arange(3))
    assert curve.clipped.tolist() == [True, True, False] and not curve.refused.any()


def test_normalised_weights_have_mean_1_and_the_same_ratios() -> None:
    sizes = [9] * 30 + [18] * 60 + [25] * 10
    printed = np.array(of_sizes(sizes, "weighting=size", "weight_rate=10", "normalise_weights=false"))
    weights = np.array(of_sizes(sizes, "weighting=size", "weight_rate=10"))
    assert printed[-1] == pytest.approx(18.0**10 / 1e11 + 1)
    assert weights.mean() == pytest.approx(1, abs=1e-12)
    assert weights / weights[0] == pytest.approx(printed / printed[0])


@pytest.mark.parametrize("weighting", ["none", "size", "size_frequency", "inverse_frequency"])
def test_at_rate_0_all_molecules_weigh_1(weighting: str) -> None:
    for normalise in ("true", "false"):
        found = of_sizes([3, 9, 9, 29], f"weighting={weighting}", "weight_rate=0", f"normalise_weights={normalise}")
        assert found == [1, 1, 1, 1]


def test_inverse_frequency_gives_every_size_the_same_weight_together() -> None:
    sizes = [9] * 2 + [17] * 6 + [18] * 12
    found = np.array(of_sizes(sizes, "weighting=inverse_frequency", "weight_rate=1"))
    assert found[[0, 2, 8]] == pytest.approx([20 / 3 / 2, 20 / 3 / 6, 20 / 3 / 12])
    assert inverse_frequency_weight(np.array([4, 100]), 0.5).tolist() == [0.5, 0.1]


def test_the_effective_number_by_hand() -> None:
    # 1 + 1/2 + 1/4 + ... = 2 for beta 1/2: n = 1 counts 1, n = 2 counts 1.5
    assert effective_number_weight(np.array([1, 2, 60]), 0.5) == pytest.approx([1, 1 / 1.5, 0.5])
    assert effective_number_weight(np.array([1, 7]), 0.0).tolist() == [1, 1]
    near_one = effective_number_weight(np.array([1, 10, 1000]), 1 - 1e-12)
    assert near_one == pytest.approx([1, 0.1, 0.001], rel=1e-6)  # no digits are lost towards 1 / n


def test_by_element_the_rarest_element_of_a_molecule_decides() -> None:
    # H only, H and C, H and C and N: N is in 1 molecule, C in 3, H in 6
    parts = [[1]] * 3 + [[1, 6]] * 2 + [[1, 6, 7]]
    first = np.concatenate([[0], np.cumsum([len(p) for p in parts])]).astype(np.int64)
    made = Molecules(
        numbers=np.concatenate(parts).astype(np.uint8),
        positions=np.zeros((int(first[-1]), 3)),
        first_atom=first,
        ids=np.arange(6),
    )
    settings = ["weighting=inverse_frequency", "weight_rate=1", "weight_by=element", "normalise_weights=false"]
    assert molecule_weights(recipe(*settings), made, np.arange(6)) == pytest.approx([1 / 6] * 3 + [1 / 3] * 2 + [1])
    # counted among the molecules that are trained on, in whatever order they are asked for
    assert molecule_weights(recipe(*settings), made, np.array([5, 4, 0])) == pytest.approx([1, 1 / 2, 1 / 3])
    curve = weight_curve(recipe(*settings), made, np.arange(6))
    assert (curve.names, curve.counts.tolist()) == (["H", "C", "N"], [3, 2, 1])
    assert curve.shares == pytest.approx(np.array([3 / 6, 2 / 3, 1]) / (3 / 6 + 2 / 3 + 1))
    assert curve.named(np.array([True, False, True])) == "elements H and N"


def test_the_effective_sample_size_of_kish() -> None:
    assert effective_sample_size(np.ones(7)) == pytest.approx(7)
    assert effective_sample_size(np.array([1.0, 0, 0, 0])) == pytest.approx(1)
    assert effective_sample_size(np.array([1.0, 2, 3])) == pytest.approx(36 / 14)
    assert effective_sample_size(np.array([1e300, 2e300, 3e300])) == pytest.approx(36 / 14)
    assert effective_sample_size(np.zeros(0)) == 0


def test_a_curve_says_the_same_as_the_molecules(demo: Dataset) -> None:
    rows = np.arange(0, demo.molecules.n_molecules, 3)
    for name in ("thesis-size-weights", "effective-number-element", "thesis-size-frequency-weights"):
        weights = molecule_weights(preset(name), demo.molecules, rows)
        curve = weight_curve(preset(name), demo.molecules, rows)
        assert weights.mean() == pytest.approx(1)
        assert curve.effective_sample_size == pytest.approx(effective_sample_size(weights))
        assert int(curve.counts.sum()) == len(rows)


def test_a_run_records_its_weights_and_what_was_clipped(demo: Dataset) -> None:
    found = create_run(preset("thesis-size-frequency-weights"), demo).recipe_file["weights"]
    sizes = found["classes"]
    small = [size for size in sizes if size <= 14]
    assert found["by"] == "size" and found["clipped"]["classes"] == small
    assert found["clipped"]["n"] > 0
    assert found["weights"] == sorted(found["weights"]) and found["weights"][0] > 0
    assert create_run(preset("thesis-default"), demo).recipe_file["weights"] is None


def test_bad_weights_are_refused_before_a_folder_is_made(demo: Dataset) -> None:
    with pytest.raises(MollensError, match="undefined, negative or zero for sizes 3 to 14"):
        create_run(changed(preset("thesis-size-frequency-weights"), ["least_weight=0"]), demo)
    assert [run for run in list_runs() if not run.shipped] == []
