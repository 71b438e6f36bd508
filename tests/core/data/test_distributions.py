import numpy as np
import pytest

from core.data.card import Card
from core.data.distributions import (
    bin_values,
    bins_of,
    grouped_histogram,
    groups_of,
    histogram,
    property_values,
)
from core.data.joint import Axis, correlations, joint_histogram
from core.data.molecules import Molecules
from core.data.store import Dataset, save_dataset
from core.errors import MollensError


def random_dataset(name: str = "random", n: int = 3000) -> Dataset:
    """Molecules of 2 to 6 hydrogen and oxygen atoms with three properties, some values missing, some far out."""
    random = np.random.default_rng(0)
    sizes = random.integers(2, 7, n)
    first_atom = np.concatenate([[0], np.cumsum(sizes)])
    numbers = random.choice(np.array([1, 8], dtype=np.uint8), first_atom[-1], p=[0.8, 0.2])
    gap = random.normal(6, 1, n)
    gap[:2] = [500, -500]
    gap[5:8] = [np.nan, np.inf, -np.inf]
    columns = {"energy": -13.6 * sizes + random.normal(0, 0.1, n), "gap": gap, "dipole_moment": np.round(gap)}
    columns["dipole_vector"] = np.zeros((n, 3))
    properties = [{"key": key, "label": key, "unit": "eV"} for key in columns]
    card = Card.model_validate({"name": name, "title": name, "properties": properties, "n_molecules": 1, "n_atoms": 1})
    positions = random.normal(size=(len(numbers), 3))
    return save_dataset(Molecules(numbers, positions, first_atom, np.arange(n), columns), card)


@pytest.fixture
def dataset() -> Dataset:
    return random_dataset()


def test_bins_have_round_edges_and_hold_every_value() -> None:
    bins = bin_values(np.array([0.03, 0.5, 1.0, 2.97]), 30)
    np.testing.assert_allclose(bins.edges, np.linspace(0, 3, 31), atol=1e-12)
    assert bins.of.tolist() == [0, 5, 10, 29]
    assert [bins.place(value) for value in (0.0, 1.5, 3.0)] == pytest.approx([0, 15, 30])


def test_values_far_out_are_counted_and_do_not_stretch_the_axis() -> None:
    values = np.concatenate([np.linspace(0, 1, 5000), [-900, 1000, 1001, np.nan, np.inf]])
    bins = bin_values(values)
    assert bins.edges[0] > -0.1 and bins.edges[-1] < 1.1
    counts = np.bincount(bins.of, minlength=bins.n_bins + 3)
    # The outermost 0.1 % lie outside, among them those that are far out.
    assert counts.sum() == len(values) and counts[-1] == 2
    assert 1 <= counts[-3] <= 6 and 2 <= counts[-2] <= 6


def test_a_tail_that_takes_little_room_is_kept() -> None:
    bins = bin_values(np.concatenate([np.linspace(0, 1, 5000), [1.1]]))
    assert bins.edges[-1] >= 1.1 and bins.of[-1] == bins.n_bins - 1


def test_whole_numbers_never_lie_on_an_edge() -> None:
    bins = bin_values(np.arange(10.0))
    np.testing.assert_allclose(bins.edges, np.arange(11) - 0.5)
    assert bins.of.tolist() == list(range(10))


def test_a_logarithmic_axis_has_equal_factors_and_nothing_below_zero() -> None:
    bins = bin_values(np.array([0.1, 1.0, 10.0, 0.0, -3.0, np.nan]), 4, log=True)
    np.testing.assert_allclose(bins.edges, [0.1, 10**-0.5, 1, 10**0.5, 10], rtol=1e-9)
    assert bins.of.tolist() == [0, 2, 3, 4, 4, 6]
    assert bins.place(1.0) == pytest.approx(2) and bins.place(0.0) == -np.inf


@pytest.mark.parametrize(
    "values", [[], [np.nan], [3.0], [0.0, 0.0], [-11000.0, -11000.0 + 2e-12], [1e308, -1e308], [1e-320, 2e-320]]
)
@pytest.mark.parametrize("log", [False, True])
def test_hardly_any_or_odd_values_have_bins_too(values: list[float], log: bool) -> None:
    bins = bin_values(np.array(values), log=log)
    assert (np.diff(bins.edges) > 0).all() and np.isfinite(bins.edges).all()
    assert ((bins.of >= 0) & (bins.of < bins.n_bins + 3)).all()


def test_a_histogram_counts_every_molecule_once(dataset: Dataset) -> None:
    values = dataset.molecules.columns["gap"]
    rows = np.arange(0, 3000, 3)
    for some in (None, rows):
        found = histogram(dataset, "gap", some)
        known = values if some is None else values[some]
        known = known[np.isfinite(known)]
        edges = bins_of(dataset, "gap").edges
        assert found.counts.tolist() == np.histogram(known, edges)[0].tolist()
        assert (found.below, found.above) == ((known < edges[0]).sum(), (known > edges[-1]).sum())
        assert found.missing == (3 if some is None else 1) and found.n == len(known)
        assert found.median == pytest.approx(np.median(known))
        assert found.quartiles == pytest.approx(tuple(np.quantile(known, [0.25, 0.75])))


def test_no_molecules_have_no_median(dataset: Dataset) -> None:
    found = histogram(dataset, "gap", np.zeros(0, dtype=np.int64))
    assert found.n == 0 and np.isnan(found.median)


def test_totals_can_be_shown_per_atom_and_nothing_else_can(dataset: Dataset) -> None:
    np.testing.assert_allclose(property_values(dataset, "energy", "atom"), -13.6, atol=0.3)
    with pytest.raises(MollensError, match="property gap: does not grow with the number of atoms"):
        property_values(dataset, "gap", "atom")
    with pytest.raises(MollensError, match="property dipole_vector: is not one number per molecule"):
        property_values(dataset, "dipole_vector")
    with pytest.raises(MollensError, match="has no property 'homo'"):
        property_values(dataset, "homo")


def test_groups_by_element_overlap_and_those_by_size_do_not(dataset: Dataset) -> None:
    molecules, rows = dataset.molecules, np.arange(1, 3000, 2)
    by_element = groups_of(dataset, "element", rows)
    assert list(by_element) == ["O"] or list(by_element) == ["H", "O"]
    assert by_element["O"].tolist() == rows[molecules.contains(8)[rows]].tolist()
    by_size = groups_of(dataset, "size_class", rows)
    assert sorted(np.concatenate(list(by_size.values())).tolist()) == rows.tolist()
    assert list(by_size) == ["2 atoms", "3 atoms", "4 atoms", "5 atoms", "6 atoms"]
    with pytest.raises(MollensError, match="grouping 'colour' is not known"):
        groups_of(dataset, "colour")  # type: ignore[arg-type]


def test_the_parts_of_a_split_are_its_parts(dataset: Dataset) -> None:
    groups = groups_of(dataset, "part")
    assert {name: len(rows) for name, rows in groups.items()} == {"training": 2400, "validation": 300, "test": 300}
    found = grouped_histogram(dataset, "energy", "part")
    total = histogram(dataset, "energy")
    assert np.array_equal(sum(part.counts for part in found.values()), total.counts)


def test_two_properties_are_counted_as_numpy_does(dataset: Dataset) -> None:
    rows = np.arange(100, 2500)
    found = joint_histogram(dataset, Axis("energy"), Axis("gap"), rows)
    x, y = (dataset.molecules.columns[key][rows] for key in ("energy", "gap"))
    expected = np.histogram2d(y, x, (found.y.edges, found.x.edges))[0]
    assert np.array_equal(found.counts, expected)
    assert found.n == found.counts.sum() + found.outside and found.n + found.missing == len(rows)


def test_correlations_are_those_of_scipy_with_ties_and_gaps(dataset: Dataset) -> None:
    from scipy.stats import pearsonr, spearmanr

    rows = np.arange(0, 3000, 2)
    x, y = Axis("energy", "atom"), Axis("dipole_moment")
    values = [property_values(dataset, axis.key, axis.per)[rows] for axis in (x, y)]
    known = np.isfinite(values[0]) & np.isfinite(values[1])
    a, b = (column[known] for column in values)
    found = correlations(dataset, x, y, rows)
    assert found == pytest.approx((pearsonr(a, b)[0], spearmanr(a, b)[0]), abs=1e-12)
    assert correlations(dataset, x, x) == pytest.approx((1, 1))
    assert np.isnan(correlations(dataset, x, y, rows[:2])).all()
