from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from core.data.store import Dataset
from core.data.where import parse_where
from core.errors import MollensError
from core.judge.held_out import held_out
from core.judge.residuals import error_distribution, residual_density, residuals_report, symmetric_edges
from core.recipes.recipe import Recipe
from tests.fake_runs import fake_dataset, fake_molecules, fake_run, qm9_like


@pytest.fixture
def dataset() -> Dataset:
    return fake_dataset("judged", fake_molecules(qm9_like(3000)))


def test_a_total_energy_is_never_an_axis(dataset: Dataset) -> None:
    """The baseline of a fake run is 0.5 above the target, so what is left of the target is -0.5 everywhere."""
    source = held_out(fake_run(dataset, np.full(3000, 0.1)), dataset)
    found = residual_density(source)
    assert found.reference == "composition" and "minus linear fit" in found.x_label
    assert found.x_edges[0] <= -0.5 <= found.x_edges[-1] and found.x_edges[-1] - found.x_edges[0] < 0.01
    energies = {"energy": {"C": -9.0, "H": -9.5, "N": -10.0, "O": -10.5, "F": -11.0}}
    card = dataset.card.model_copy(update={"atomic_energies": energies})
    known = dataclasses.replace(source, dataset=dataclasses.replace(dataset, card=card))
    bound = residual_density(known)
    counts = dataset.molecules.element_counts[source.rows]
    free = counts @ np.array([energies["energy"][symbol] for symbol in dataset.molecules.symbols])
    left = source.target_values - free
    assert bound.reference == "free atoms" and bound.n == 300
    assert np.array_equal(bound.counts.sum(axis=0), np.histogram(left, bound.x_edges)[0])
    missing = dataset.card.model_copy(update={"atomic_energies": {"energy": {"C": -9.0}}})
    half = dataclasses.replace(source, dataset=dataclasses.replace(dataset, card=missing))
    assert residual_density(half).reference == "composition"


def test_density_of_known_errors(dataset: Dataset) -> None:
    """Intensive targets are shown as they are; the error here is 0.01 times the target's distance from 5.5 eV."""
    gap = np.asarray(dataset.molecules.columns["gap"])
    source = held_out(fake_run(dataset, 0.01 * (gap - 5.5), "gap", recipe=Recipe(target="gap")), dataset)
    found = residual_density(source, n_bins=20)
    assert (found.x_label, found.reference, found.x_unit, found.unit) == ("HOMO-LUMO gap", "", "eV", "eV")
    assert found.counts.sum() + found.outside == found.n == 300 and found.outside == 0
    assert np.array_equal(found.column_n, np.histogram(gap[source.rows], found.x_edges)[0])
    assert np.allclose(found.y_edges, -found.y_edges[::-1])
    middles = 0.5 * (found.x_edges[1:] + found.x_edges[:-1])
    many = found.column_n >= 10
    assert np.allclose(found.median[many], 0.01 * (middles[many] - 5.5), atol=1e-3)
    assert (found.low[many] <= found.median[many]).all() and (found.median[many] <= found.high[many]).all()
    assert np.isnan(found.median[~many]).all()
    inside = dataset.molecules.contains(7)
    assert residual_density(source, inside).n == inside[source.rows].sum()
    assert residual_density(source, np.zeros(3000, dtype=bool)).n == 0
    with pytest.raises(MollensError, match="does not grow with the molecule"):
        residual_density(source, per="atom")


def test_distributions_share_their_edges(dataset: Dataset) -> None:
    random = np.random.default_rng(1)
    errors = [random.normal(0.1, 0.1, 3000), random.normal(0, 0.3, 3000)]
    sources = [held_out(fake_run(dataset, e, f"run {k}"), dataset) for k, e in enumerate(errors)]
    for signed, log in ((True, False), (False, False), (False, True)):
        found = error_distribution(sources, signed=signed, log=log)
        for k, source in enumerate(sources):
            values = source.error if signed else np.abs(source.error)
            assert np.array_equal(found.counts[k], np.histogram(values, found.edges)[0])
            assert found.below[k] + found.counts[k].sum() + found.above[k] == found.n[k] == 300
            for place in (3, 20, len(found.edges) - 1):
                assert found.cumulative[k, place] == pytest.approx((values <= found.edges[place]).mean())
            assert found.share[k].sum() == pytest.approx(found.counts[k].sum() / 300)
            assert found.median[k] == pytest.approx(np.median(np.abs(source.error)))
            assert found.p95[k] == pytest.approx(np.quantile(np.abs(source.error), 0.95))
            assert found.bias_median[k] == pytest.approx(np.median(source.error))
        ratio = found.edges[1:] / np.where(log, found.edges[:-1], 1)
        assert not log or np.allclose(ratio, ratio[0])
        assert signed or log or found.edges[0] == 0
    with pytest.raises(MollensError, match="no logarithmic axis"):
        error_distribution(sources, signed=True, log=True)
    nobody = error_distribution(sources, np.zeros(3000, dtype=bool))
    assert nobody.n.tolist() == [0, 0] and nobody.counts.sum() == 0 and np.isnan(nobody.median).all()


def test_one_wild_error_does_not_stretch_the_edges() -> None:
    values = np.random.default_rng(2).normal(0, 0.1, 5000)
    values[7] = 50.0
    edges = symmetric_edges([values], 60)
    assert 0.3 < edges[-1] < 0.5 and len(edges) % 2 == 0 and 40 <= len(edges) - 1 <= 80
    assert symmetric_edges([np.zeros(3)], 60)[-1] >= 1.0


def test_report_is_json(dataset: Dataset) -> None:
    sources = [held_out(fake_run(dataset, np.full(3000, e), f"run {e}"), dataset) for e in (0.1, 0.2)]
    told = residuals_report(sources, parse_where(["element=N"], dataset), "atom", signed=False)
    json.dumps(told, allow_nan=False)
    assert told["where"] == ["element=N"] and told["unit"] == "eV/atom"
    assert [each["run"] for each in told["distribution"]["runs"]] == ["run 0.1", "run 0.2"]
    assert told["n"] == dataset.molecules.contains(7)[sources[0].rows].sum()
