from __future__ import annotations

import numpy as np
import pytest

from core.data.store import Dataset
from core.errors import MollensError
from core.judge.held_out import held_out
from core.judge.inspect.bench import open_bench
from core.judge.inspect.features import rarity
from core.judge.inspect.nearby import nearby_training
from core.judge.inspect.nearest import scale_of
from core.judge.inspect.what_helps import what_helps
from core.recipes.parts import parts_of
from core.recipes.recipe import Recipe, validated
from core.recipes.weights import molecule_weights
from tests.core.judge.inspect.asked import look_inside
from tests.core.judge.judged_runs import half_tested, noise, seeded
from tests.fake_runs import fake_run

N = 1200


@pytest.fixture
def dataset() -> Dataset:
    return half_tested("asked", N)


def test_a_rare_element_is_weighed_more(dataset: Dataset) -> None:
    run = seeded(dataset, noise(dataset, 0))
    bench, molecules = open_bench([run], dataset), dataset.molecules
    source = held_out(run, dataset)
    rows = source.rows[molecules.contains(9)[source.rows]]
    found = what_helps(bench, rows)
    train = source.train_rows
    assert found.near is None and found.n_chosen == len(rows) and found.n_train == len(train)
    counts = {each.name: (each.n_chosen, each.n_train) for each in found.counts}
    assert counts["F"] == (len(rows), molecules.contains(9)[train].sum())
    assert found.n_alike == molecules.contains(9)[train].sum() and found.alike.startswith("with F")
    first = found.suggestions[0]
    assert first.changed["weighting"] == "inverse_frequency" and first.changed["weight_by"] == "element"
    recipe = validated({**run.recipe_values, **first.changed})
    assert train.tolist() == parts_of(recipe, dataset).train.tolist()
    weights = molecule_weights(recipe, molecules, train)
    member = molecules.contains(9)[train]
    assert first.gain == pytest.approx(weights[member].sum() / weights.sum() / member.mean()) and first.gain > 2
    assert first.from_run == run.id and first.query["from"] == [run.id] and first.query["dataset"] == ["asked"]
    assert "weighting=inverse_frequency" in first.query["set"] and "weight_by=element" in first.query["set"]
    assert first.command.startswith(f"python -m core clone {run.id} --set ")
    assert first.overrides["split"] == "half" and first.split == "half"
    assert any("3 seeds of each" in text for text in found.remarks)


def test_what_sampling_left_out_is_asked_for_and_what_is_not_there_is_said(dataset: Dataset) -> None:
    recipe = Recipe(preset="schnet-small", split="half", epochs=1, max_atoms=18)
    run = fake_run(dataset, noise(dataset, 0), recipe=recipe)
    codes = np.load(run.path / "predictions" / "asked" / "split.npy")
    codes[(codes == 0) & (dataset.molecules.sizes > 18)] = 3
    np.save(run.path / "predictions" / "asked" / "split.npy", codes)
    bench = open_bench([run], dataset)
    rows = bench.first.source.rows[dataset.molecules.sizes[bench.first.source.rows] == 21]
    found = what_helps(bench, rows)
    everything = next(each for each in found.suggestions if each.key == "all")
    assert everything.changed == {"max_atoms": 0} and "0 were trained on" in everything.reason
    assert "Only 0 of" in found.remarks[0]
    with pytest.raises(MollensError, match="no molecule is chosen"):
        what_helps(bench, np.zeros(0, dtype=np.int64))


def test_nearby_training_molecules_are_those_within_the_radius(dataset: Dataset) -> None:
    latents = np.random.default_rng(0).normal(size=(N, 3)) * np.array([1.0, 5.0, 0.2])
    run = seeded(dataset, noise(dataset, 0))
    source = held_out(run, dataset)
    train = source.train_rows
    latents[source.rows[0]] = latents[train[0]]
    latents[source.rows[1]] += 1e4
    look_inside(run, dataset, latents)
    bench = open_bench([run], dataset)
    rows = np.array([source.rows[0], source.rows[1], train[0]])
    found = nearby_training(bench.first, rows)
    assert found is not None and (found.n_asked, found.n_chosen, found.n_train) == (3, 3, len(train))
    scale = scale_of(latents[train].astype(np.float32))
    standard = scale(latents.astype(np.float32)).astype(float)
    apart = np.linalg.norm(standard[rows][:, None] - standard[train][None], axis=2)
    near = (apart <= found.radius) & (train[None] != rows[:, None])
    assert found.counts.tolist() == near.sum(axis=1).tolist() and found.counts[1] == 0
    assert found.counts[0] == found.counts[2] + 1  # the copy counts the molecule itself, which is not near itself
    assert found.rows.tolist() == sorted(train[near.any(axis=0)])
    between = np.linalg.norm(standard[train][:, None] - standard[train][None], axis=2)
    np.fill_diagonal(between, np.inf)
    assert found.radius == pytest.approx(np.median(between.min(axis=1)), rel=0.2)
    assert what_helps(bench, rows[:1]).near is not None


def test_rarest_pair_by_hand(dataset: Dataset) -> None:
    source = held_out(seeded(dataset, noise(dataset, 0)), dataset)
    counted = rarity(dataset, source.train_rows, source.rows)
    table = counted.features.table
    for row in source.rows[:20]:
        own = counted.features.of(int(row))
        counts = [(table[a] & table[b])[source.train_rows].sum() for a in own for b in own]
        assert counted.rarest(int(row))[0] == min(counts)
    least = [counted.rarest(int(row))[0] for row in source.rows]
    assert counted.held.tolist() == sorted(least)
    assert counted.share_as_rare(least[0]) == pytest.approx(np.mean(np.array(least) <= least[0]))
