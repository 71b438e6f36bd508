from __future__ import annotations

import json

import numpy as np
import pytest

from core.data.store import Dataset
from core.judge.held_out import held_out
from core.judge.inspect.bench import open_bench
from core.judge.inspect.causes import CAUSES, Cause, in_order, in_unit, percent
from core.judge.inspect.evidence import Evidence, evidence, evidence_on
from core.judge.inspect.seed_noise import reaches_zero
from core.runs.folder import open_run
from tests.core.judge.inspect.asked import look_inside
from tests.core.judge.judged_runs import half_tested, noise, seeded

N = 400


@pytest.fixture
def dataset() -> Dataset:
    return half_tested("asked", N)


def grades(found: Evidence) -> dict[str, str]:
    assert {cause.key for cause in found.causes} == set(CAUSES)
    return {cause.key: cause.grade for cause in found.causes}


def of(found: Evidence, key: str) -> Cause:
    return next(cause for cause in found.causes if cause.key == key)


def test_noise_between_seeds_and_a_weakness_that_another_model_has_not(dataset: Dataset) -> None:
    errors = [noise(dataset, k, 0.01) for k in range(4)]
    rows = held_out(seeded(dataset, errors[0], 9), dataset).rows
    split, weak, shared, late = (int(row) for row in rows[[3, 10, 20, 30]])
    for k, off in enumerate((0.5, -0.4, -0.1)):  # seeds that do not agree
        errors[k][split] = off
        errors[k][weak] = 0.40 + 0.01 * k  # all to one side, and the other recipe is right
        errors[k][shared] = -0.5 + 0.01 * k
        errors[k][late] = (0.10, 0.30, 0.80)[k]
    errors[3][[split, weak, shared, late]] = 0.0, 0.05, -0.55, 0.4
    runs = [seeded(dataset, errors[k], k) for k in range(3)] + [seeded(dataset, errors[3], 0, "wide", n_atom_basis=128)]
    bench = open_bench(runs, dataset)

    found = evidence_on(bench, split)
    assert grades(found)["noise"] == "strong" and grades(found)["model"] == "ruled out"
    assert found.causes[0].key == "noise" and "They err to both sides, −400 to 500 meV." in of(found, "noise").reasons

    found = evidence_on(bench, weak)
    assert grades(found)["model"] == "strong" and grades(found)["noise"] == "ruled out"
    assert "wide misses it by 50 meV (one seed), half of it or less." in of(found, "model").reasons
    assert "of wide" not in " ".join(of(found, "noise").sentences)
    assert of(found, "noise").numbers["spread"] == pytest.approx(0.01)

    found = evidence_on(bench, shared)
    assert grades(found)["model"] == "some" and grades(found)["label"] == "none found"
    assert any("this alone cannot tell" in text for text in of(found, "model").reasons)
    assert any("model bias as often as a wrong label" in text for text in of(found, "label").against)

    assert grades(evidence_on(bench, late))["noise"] == "some"
    alone = evidence([runs[0]], dataset, int(dataset.molecules.ids[weak]))
    assert grades(alone)["noise"] == grades(alone)["model"] == "not known"
    assert "--set seed=1" in of(alone, "noise").unknown[0]


def test_far_from_training_and_trained_on(dataset: Dataset) -> None:
    errors = noise(dataset, 0)
    latents = np.random.default_rng(1).normal(size=(N, 6))
    run = seeded(dataset, errors, 0)
    source = held_out(run, dataset)
    common = source.rows[dataset.molecules.sizes[source.rows] == 18]
    far, near = int(common[0]), int(common[1])
    latents[far] += 30
    latents[near] = latents[source.train_rows[0]]
    assert grades(evidence([run], dataset, int(dataset.molecules.ids[near])))["unseen"] in ("none found", "some")
    look_inside(run, dataset, latents)
    bench = open_bench([run], dataset)  # a bench that was open before sees what a job has found since
    found = evidence_on(bench, far)
    assert grades(found)["unseen"] == "strong"
    share = of(found, "unseen").numbers["farther_than_share"]
    assert share == pytest.approx((len(source.rows) - 0.5) / len(source.rows))
    assert "farther away than that of any other test molecule (200 in all)" in of(found, "unseen").reasons[0]
    assert of(evidence_on(bench, near), "unseen").numbers["farther_than_share"] < 0.01
    trained = evidence_on(bench, int(source.train_rows[4]))
    assert grades(trained)["unseen"] == "ruled out" and "training residual, not an error" in trained.remarks[0]
    usual = evidence_on(bench, int(common[np.argmin(np.abs(errors[common]))]))
    assert usual.remarks[0].startswith("Nothing unusual has to be explained")


def test_features_are_counted_in_training(dataset: Dataset) -> None:
    run = seeded(dataset, noise(dataset, 0))
    source, molecules = held_out(run, dataset), dataset.molecules
    row = int(source.rows[np.flatnonzero(molecules.contains(9)[source.rows])[0]])
    counted = {each.name: each.n_train for each in evidence([run], dataset, int(molecules.ids[row])).features}
    assert counted["F"] == molecules.contains(9)[source.train_rows].sum()
    size = int(molecules.sizes[row])
    assert counted[f"{size} atoms"] == (molecules.sizes[source.train_rows] == size).sum()
    cause = of(evidence([run], dataset, int(molecules.ids[row])), "unseen")
    assert "holds predictions only, no network" in cause.unknown[0] and cause.numbers["n_train"] == len(
        source.train_rows
    )


def test_a_copy_of_a_training_molecule_has_been_seen(dataset: Dataset) -> None:
    run = seeded(dataset, noise(dataset, 0))
    bench = open_bench([run], dataset)
    source = held_out(run, dataset)
    groups = np.arange(N)
    groups[source.rows[0]] = source.train_rows[0]
    vars(bench)["_groups"] = groups
    cause = of(evidence_on(bench, int(source.rows[0])), "unseen")
    assert cause.grade == "ruled out"
    assert f"Molecule {dataset.molecules.ids[source.train_rows[0]]}, with the same atoms" in cause.against[0]


def test_order_of_causes_and_words() -> None:
    causes = [Cause("label", "not known", ()), Cause("noise", "some", ()), Cause("unseen", "some", ())]
    assert [cause.key for cause in in_order(causes)] == ["unseen", "noise", "label"]
    assert Cause("model", "some", ("for",), ("against",), ("?",)).sentences == ("for", "against", "?")
    assert Cause("model", "none found", ("for",), ("against",), ("?",)).sentences == ("against", "for", "?")
    assert [percent(share) for share in (0.0, 0.0004, 0.004, 0.25, 0.996, 0.9999, 1.0)] == [
        "0 %", "less than 0.1 %", "0.4 %", "25 %", "99.6 %", "more than 99.9 %", "100 %",
    ]  # fmt: skip
    assert in_unit(-0.0123, "eV") == "−12 meV" and in_unit(2.0, "D") == "2.0 D"
    assert reaches_zero(np.array([0.1, -0.1, 0.05])) and not reaches_zero(np.array([0.1, 0.11, 0.12]))


def test_a_run_of_which_nobody_knows_what_it_has_seen(dataset: Dataset) -> None:
    run = seeded(dataset, noise(dataset, 0))
    content = json.loads((run.path / "recipe.json").read_text())
    content["split"] |= {"hash": "", "known": False}
    (run.path / "recipe.json").write_text(json.dumps(content))
    np.save(run.path / "predictions" / "asked" / "split.npy", np.full(N, 255, dtype=np.uint8))
    found = evidence([open_run(run.id)], dataset, int(dataset.molecules.ids[3]))
    assert (found.errors.runs[0].code, found.errors.runs[0].called) == ("not known", "error, perhaps trained on")
    assert "may be optimistic" in found.remarks[0] and found.features == ()
    assert of(found, "unseen").grade == "not known" and "are not known" in of(found, "unseen").unknown[1]
