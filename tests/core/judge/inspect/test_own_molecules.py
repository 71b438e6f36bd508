from __future__ import annotations

import numpy as np
import pytest

from core.data.molecules import Molecules
from core.data.splits import open_split
from core.data.store import Dataset
from core.judge.inspect.own_molecules import Answers, answer_table, judged
from core.runs.folder import Run
from core.runs.inside import Inside
from core.runs.predictions import Predictions
from tests.core.judge.known_run import ask, chain, known_run
from tests.fake_runs import fake_dataset, fake_molecules, qm9_like

N = 1500


@pytest.fixture
def dataset() -> Dataset:
    return fake_dataset("judged", fake_molecules(qm9_like(N)))


@pytest.fixture
def known(dataset: Dataset) -> tuple[Run, Inside, Predictions]:
    return known_run(dataset)


def test_a_molecule_like_the_others(known: tuple[Run, Inside, Predictions], dataset: Dataset) -> None:
    content, _ = ask(known, dataset, [[17.0, 0.1]], [2.0] * 16)
    (entry,) = content["molecules"]
    assert entry["warnings"] == [] and entry["like_the_dataset"] and entry["same_as"] is None
    assert content["n_training"] == 1200 and content["n_held_out"] == 150 and content["n_warned"] == 0
    near = entry["nearest"]
    assert len(near) == 10 and {each["n_atoms"] for each in near} == {17}
    assert [each["distance"] for each in near] == sorted(each["distance"] for each in near)
    stored, test = known[2], open_split(dataset).test
    first = near[0]
    place = int(np.flatnonzero(stored.ids == first["id"])[0])
    assert first["error"] == pytest.approx(stored.predicted[place] - stored.target[place])
    expected = entry["expected"]
    assert expected["sizes"] == [15, 19] and expected["part"] == "test" and expected["n"] <= len(test)
    assert 0.02 <= expected["low"] <= expected["mae"] <= expected["high"] <= 0.06


def test_what_is_unlike_is_told(known: tuple[Run, Inside, Predictions], dataset: Dataset) -> None:
    stretched, large, strange = [2.0, 1.5] + [2.0] * 14, [2.0] * 39, [2.0] * 16
    content, _ = ask(known, dataset, [[17.0, 0.0], [40.0, 0.0], [17.0, 30.0]], stretched, large, strange)
    kinds = [[warning["kind"] for warning in entry["warnings"]] for entry in content["molecules"]]
    assert set(kinds[0]) == {"geometry"} and kinds[1] == ["size", "distance"] and kinds[2] == ["distance"]
    texts = [warning["text"] for entry in content["molecules"] for warning in entry["warnings"]]
    assert any("C and C (atoms 2 and 3) are 1.50 Å apart" in text for text in texts)
    assert any(text.startswith("40 atoms; the training molecules have ") for text in texts)
    assert any("farther away than that of any of 150 held-out molecules" in text for text in texts)
    assert [entry["expected"] is None for entry in content["molecules"]] == [False, True, True]
    assert [entry["like_the_dataset"] for entry in content["molecules"]] == [False] * 3


def test_a_training_molecule_is_recognised(known: tuple[Run, Inside, Predictions], dataset: Dataset) -> None:
    _, inside, stored = known
    place = int(np.flatnonzero((stored.split == 0) & (dataset.molecules.sizes == 17))[0])
    formula = dataset.molecules.formula(place)
    content, _ = ask(known, dataset, [inside.latents[place].tolist()], [2.0] * 16)
    (entry,) = content["molecules"]
    assert entry["nearest"][0]["id"] == stored.ids[place] and entry["distance"] < 1e-5
    assert (entry["same_as"] == stored.ids[place]) == (formula == "C17")


def test_refused_and_unknown_training_molecules(known: tuple[Run, Inside, Predictions], dataset: Dataset) -> None:
    numbers, places = chain(1.0, 1.0)
    own = Molecules(np.tile(numbers, 2), np.tile(places, (2, 1)), np.array([0, 3, 6]), np.array([1, 2]))
    answers = Answers(
        np.array([np.nan, -5.0]), np.array([np.nan, -4.0]), np.full((2, 2), [[np.nan], [3.0]], dtype=np.float32),
        ["contains Cl", ""], [[], ["the file gives a charge of +1"]], [None, {"column": "energy", "value": -5.5}],
    )  # fmt: skip
    content = judged(known[0], own, answers, dataset, known[1], known[2])
    refused, asked = content["molecules"]
    assert refused["refused"] == "contains Cl" and refused["predicted"] is None and refused["nearest"] == []
    assert content["n_refused"] == 1 and asked["nearest"] and asked["warnings"][-1]["kind"] == "file"
    bare = judged(known[0], own, answers, None, None, None, "the dataset is gone")
    assert bare["why_no_nearest"] == "the dataset is gone" and bare["n_training"] is None
    assert bare["molecules"][1]["predicted"] == -5.0 and bare["molecules"][1]["nearest"] == []
    table = answer_table(content)
    assert table["remarks"].to_list()[0] == "contains Cl" and table["label_in_file"].to_list() == [None, -5.5]
    assert answer_table(bare)["nearest_id"].to_list() == [None, None]
