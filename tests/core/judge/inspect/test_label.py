"""The second level of theory, alone and beside the nearest training molecules, and the list of suspicious labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.cli.tasks import KINDS
from core.data.card import Card
from core.data.defects import find_defects
from core.data.store import Dataset, save_dataset
from core.errors import MollensError
from core.judge.held_out import held_out
from core.judge.inspect.bench import Bench, open_bench
from core.judge.inspect.label import label
from core.judge.inspect.levels import make_levels, possible_levels, read_levels
from core.judge.inspect.levels_beside import levels_beside
from core.judge.inspect.suspicious import label_suspicions
from core.runs.folder import Run
from tests.core.judge.comparing.test_pairing import of_unknown_split
from tests.core.judge.inspect.asked import look_inside
from tests.core.judge.judged_runs import half_tested, noise, seeded

N = 600
SPREAD = 0.02


@pytest.fixture
def dataset() -> Dataset:
    return half_tested("first", N, "level one")


def second(dataset: Dataset, energies: np.ndarray, level: str = "level two", name: str = "second") -> Dataset:
    """The same molecules in another order, with other energies."""
    order = np.random.default_rng(5).permutation(N)
    turned = replace(dataset.molecules, columns={"atomization_energy": energies}).take(order)
    card = dataset.card.model_dump() | {"name": name, "level_of_theory": level, "default_target": "atomization_energy"}
    card["properties"] = [{"key": "atomization_energy", "label": "Atomisation energy", "unit": "eV"}]
    return save_dataset(turned, Card.model_validate(card))


def reference(dataset: Dataset) -> np.ndarray:
    """A second level: the first plus a sum over atoms plus a little."""
    truth = np.asarray(dataset.molecules.columns["energy"])
    atoms = dataset.molecules.element_counts @ np.arange(1.0, 1 + len(dataset.molecules.elements))
    return truth + atoms + np.random.default_rng(3).normal(0, SPREAD, N)


def three(dataset: Dataset, errors: np.ndarray) -> list[Run]:
    return [seeded(dataset, errors + noise(dataset, k, 0.002), k) for k in range(3)]


def test_levels_are_set_beside_once_and_kept(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    assert possible_levels(dataset, "energy") == [] or all(p.name == "demo" for p in possible_levels(dataset, "energy"))
    second(dataset, reference(dataset))
    second(dataset, reference(dataset), "not stated", "third")
    second(dataset, reference(dataset), "level one", "same")
    assert [(p.name, p.key) for p in possible_levels(dataset, "energy") if p.name != "demo"] == [
        ("second", "atomization_energy")
    ]
    assert possible_levels(dataset, "gap") == []
    found, waiting = read_levels(dataset, "energy")
    assert found == [] and "second" in waiting
    (level,) = make_levels(dataset, "energy")  # demo has no molecule in common, and is not tried again
    assert level.n_common == N and level.spread == pytest.approx(SPREAD, rel=0.2)

    def never(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("core.judge.inspect.levels.second_level", never)
    told = []
    arguments = {"dataset": "first", "target": "energy"}
    assert KINDS["second-levels"](arguments, lambda *now: told.append(now))["levels"] == ["second"]
    assert make_levels(dataset, "energy")[0].spread == level.spread
    assert read_levels(dataset, "energy")[1] == []


def test_a_second_level_that_agrees_clears_the_label_and_one_that_does_not_accuses_it(dataset: Dataset) -> None:
    errors = noise(dataset, 0, 0.005)
    rows = held_out(seeded(dataset, errors, 9), dataset).rows
    wrong, clear, opposite, small = (int(row) for row in rows[[3, 10, 20, 30]])
    errors[[wrong, clear, opposite, small]] = 0.5, 0.6, -0.7, 0.05
    other = reference(dataset)
    other[wrong] += 0.5  # predicted too high, and the second level says the label is too low
    other[opposite] += 0.7  # here it says so of a molecule that is predicted too low
    runs = three(dataset, errors)
    waiting = label(open_bench(runs, dataset), clear)
    assert waiting.grade == "none found" and not any("G4" in text for text in waiting.against)
    second(dataset, other)
    make_levels(dataset, "energy")
    bench = open_bench(runs, dataset)
    found = label(bench, wrong)
    assert found.grade == "strong" and found.numbers["second_level_explains"] == pytest.approx(1, abs=0.2)
    assert found.numbers["second_level_residual"] == pytest.approx(-0.5, abs=0.1)
    assert any("All 3 runs of about this quality err to the same side" in text for text in found.reasons)
    found = label(bench, clear)
    assert found.grade == "ruled out" and any("it agrees, and an error of" in text for text in found.against)
    found = label(bench, opposite)
    assert found.grade == "none found" and any("opposite to what a wrong label" in text for text in found.against)
    found = label(bench, small)
    assert found.grade == "none found" and any("might not have shown" in text for text in found.against)

    poor = seeded(dataset, noise(dataset, 8, 1.0), 0, "poor", n_atom_basis=16)
    told = label_suspicions([*runs, poor], dataset)
    (suspicion,) = told.found
    assert suspicion.row == wrong and suspicion.grade == "strong" and suspicion.evidence == ("second level",)
    assert told.n_same_direction == 4 and len(told.runs) == 3 and "poor" in told.notes[0]
    assert told.sentence.startswith(f"All 3 runs miss 4 of {len(rows)} held-out molecules")
    assert label_suspicions(runs, dataset, "validation").found == ()
    with pytest.raises(MollensError, match="1 run of about the same quality on first; at least 2 are needed"):
        label_suspicions([runs[0], poor], dataset)


def test_a_difference_that_a_kind_of_molecules_has_is_no_wrong_label(dataset: Dataset) -> None:
    errors = noise(dataset, 0, 0.005)
    other = reference(dataset)
    kind = np.random.default_rng(2).random(N) < 0.1  # a chemistry that the second level sees otherwise
    other[kind] += 0.8
    latents = np.random.default_rng(4).normal(0, 0.1, (N, 5))
    latents[kind, 0] += 5
    rows = held_out(seeded(dataset, errors, 9), dataset).rows
    of_kind, plain = int(rows[kind[rows]][0]), int(rows[~kind[rows]][0])
    errors[of_kind] = errors[plain] = 0.9
    other[plain] += 0.2  # a fifth of the error, and more than its neighbours let expect
    second(dataset, other)
    make_levels(dataset, "energy")
    runs = three(dataset, errors)
    blind = open_bench(runs, dataset)
    assert label(blind, of_kind).numbers["evidence"] == "second level"
    for run in runs:
        look_inside(run, dataset, latents)
    bench: Bench = open_bench(runs, dataset)
    (beside,), _ = levels_beside(bench)
    assert beside.local is not None and beside.local.spread < 2 * SPREAD
    assert beside.expected[of_kind] - beside.expected[plain] == pytest.approx(-0.8, abs=0.1)
    found = label(bench, of_kind)
    assert found.numbers["evidence"] == "" and found.grade == "ruled out"
    assert any("By composition alone it is" in text and "such molecules differ so" in text for text in found.against)
    found = label(bench, plain)
    assert "second level" in str(found.numbers["evidence"]) and found.grade == "some"
    assert any("the label alone would not explain it" in text for text in found.reasons)


def test_a_geometry_is_only_cleared_by_what_was_looked_at(dataset: Dataset) -> None:
    def told(run: Run) -> set[str]:
        bench = open_bench([run], dataset)
        causes = [label(bench, int(row)) for row in held_out(run, dataset).rows[:60]]
        return {text for cause in causes for text in (*cause.against, *cause.unknown) if "geometry" in text}

    run = seeded(dataset, noise(dataset, 1, 0.002))
    far = of_unknown_split(seeded(dataset, noise(dataset, 2, 0.002), 5))
    assert told(run) == {"Its geometry raises no alarm: no distance that training lacks."}
    assert not told(far)
    find_defects(dataset)
    contact = "Its geometry raises no alarm: no contact nearer than a bond"
    assert told(run) == {f"{contact}, no distance that training lacks."} and told(far) == {f"{contact}."}
    unknown = label(open_bench([far], dataset), int(held_out(far, dataset).rows[0])).unknown
    assert any("were not compared with those in training" in text for text in unknown)
