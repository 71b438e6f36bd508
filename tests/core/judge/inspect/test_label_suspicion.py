from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.data.card import Card
from core.data.store import Dataset, save_dataset
from core.errors import MollensError
from core.judge.held_out import HeldOut, held_out
from core.judge.inspect.label_suspicion import FAR_OFF, second_level, suspicions
from core.judge.inspect.seed_spread import spread_and_error, spread_of_seeds
from tests.conftest import save_some
from tests.fake_runs import fake_run

N = 400


@pytest.fixture
def dataset(demo: Dataset) -> Dataset:
    return save_some(demo, "first", N)


def copy_with(dataset: Dataset, name: str, energies: np.ndarray) -> Dataset:
    """The same molecules, their order turned round, with other energies."""
    turned = replace(dataset.molecules, columns={"energy": energies}, atom_columns={}).take(np.arange(N)[::-1])
    card = dataset.card.model_dump() | {"name": name, "level_of_theory": "another level"}
    card["properties"] = [p for p in card["properties"] if p["key"] == "energy"]
    return save_dataset(turned, Card.model_validate(card))


def sources(dataset: Dataset, errors: np.ndarray) -> list[HeldOut]:
    return [held_out(fake_run(dataset, line, f"seed {k}"), dataset) for k, line in enumerate(errors)]


def test_a_wrong_label_is_told_from_a_weakness_of_the_models(dataset: Dataset) -> None:
    random = np.random.default_rng(0)
    errors = random.normal(0, 0.02, (3, N))
    test = held_out(fake_run(dataset, errors[0], "look"), dataset).rows
    wrong, weak, other_way = (int(row) for row in test[[3, 10, 20]])
    for row, by in ((wrong, 0.5), (weak, 0.6), (other_way, -0.7)):
        errors[:, row] += by
    truth = np.asarray(dataset.molecules.columns["energy"]).copy()
    reference = truth + dataset.molecules.element_counts @ np.arange(1.0, 1 + len(dataset.molecules.elements))
    reference += random.normal(0, 0.03, N)
    # predicted too high by 0.5: the label is too low; the second level says so too, and contradicts of the last
    reference[wrong] += 0.5
    reference[other_way] += 0.7
    level = second_level(dataset, "energy", copy_with(dataset, "second", reference), "energy")
    assert level.n_common == N and 0.02 < level.spread < 0.04 and level.z[wrong] < -FAR_OFF
    assert level.residual[wrong] == pytest.approx(-0.5, abs=0.15) and np.nanmax(np.abs(level.z[weak])) < FAR_OFF

    found = suspicions(sources(dataset, errors), [level])
    assert found.n_same_direction == 3 and found.n_runs == 3 and found.n_held_out == len(test)
    (suspicion,) = found.found
    assert suspicion.row == wrong and suspicion.evidence == ("second level",) and suspicion.times_mae > 3
    assert "below what second (another level) and its composition let expect" in suspicion.reasons[0]
    assert found.expected_by_chance < 0.5 and "second level" in found.looked_at
    assert suspicions(sources(dataset, errors)).found == ()


def test_a_copy_with_another_value_and_too_few_in_common(dataset: Dataset, demo: Dataset) -> None:
    rows = np.linspace(0, demo.molecules.n_molecules - 1, N).astype(int)
    twice = demo.molecules.take(np.concatenate([rows, rows]))
    energies = np.asarray(twice.columns["energy"]).copy()
    molecules = replace(twice, ids=np.arange(1, 2 * N + 1), columns={"energy": energies}, atom_columns={})
    card = demo.card.model_dump() | {"name": "twice"}
    card["properties"] = [p for p in card["properties"] if p["key"] == "energy"]
    plain = save_dataset(molecules, Card.model_validate(card))
    row = int(held_out(fake_run(plain, np.zeros(2 * N)), plain).rows[7])
    energies = energies.copy()
    energies[row] -= 0.8
    changed = save_dataset(
        replace(molecules, columns={"energy": energies}), Card.model_validate(card | {"name": "changed"})
    )
    errors = np.random.default_rng(1).normal(0, 0.02, (2, 2 * N))
    errors[:, row] += 0.8
    (suspicion,) = suspicions(sources(changed, errors)).found
    assert suspicion.row == row and suspicion.evidence == ("duplicate",)
    assert "has the same geometry and a value that differs by 0.8 eV" in suspicion.reasons[0]
    few = save_some(demo, "few", 30)
    with pytest.raises(MollensError, match="at least 200 are needed"):
        second_level(dataset, "energy", few, "energy")


def test_spread_between_seeds(dataset: Dataset) -> None:
    random = np.random.default_rng(2)
    noise = np.where(np.arange(N) % 2, 0.2, 0.01)
    runs = sources(dataset, noise * random.normal(size=(4, N)))
    spread = spread_of_seeds(runs)
    assert spread.n_runs == 4 and np.array_equal(spread.rows, dataset.molecules.rows_of(spread.ids))
    expected = np.stack([source.error for source in runs])
    assert np.allclose(spread.spread, expected.std(axis=0, ddof=1)) and np.allclose(spread.errors, expected)
    assert np.array_equal(spread.same_sign, np.abs(np.sign(expected).sum(axis=0)) == 4)
    assert spread.spread[spread.rows % 2 == 1].mean() > 5 * spread.spread[spread.rows % 2 == 0].mean()
    assert spread_and_error(spread, runs[0]).n_left_out + spread_and_error(spread, runs[0]).n == len(spread.ids)
    with pytest.raises(MollensError, match="at least 2 are needed"):
        spread_of_seeds(runs[:1])
