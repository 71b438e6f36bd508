from __future__ import annotations

import json

import numpy as np
import pytest

from core.judge.held_out import held_out
from tests.core.cli.conftest import Cli
from tests.core.judge.comparing.test_pairing import of_unknown_split
from tests.core.judge.inspect.asked import look_inside
from tests.core.judge.judged_runs import half_tested, noise, seeded


def test_map_and_uncertainty_are_the_numbers_of_the_cards(home: object, cli: Cli) -> None:
    dataset = half_tested("mapped", 400)
    runs = [seeded(dataset, noise(dataset, k), k) for k in range(2)]
    code, _, said = cli("map", "run 0")
    assert code == 1 and f"look-inside {runs[0].id}" in said
    look_inside(runs[0], dataset, np.random.default_rng(0).normal(size=(400, 4)))
    code, said, _ = cli("map", "run 0", "--where", "size=17-19", "--json")
    content, source = json.loads(said), held_out(runs[0], dataset)
    inside = (source.sizes >= 17) & (source.sizes <= 19)
    assert code == 0 and content["n_held_out"] == inside.sum() and len(content["explained"]) == 2
    assert content["mae"] == pytest.approx(np.abs(source.error[inside]).mean())
    errors = {each["id"]: each["error"] for each in content["molecules"] if each["error"] is not None}
    assert errors == pytest.approx(dict(zip(source.ids[inside].tolist(), source.error[inside].tolist(), strict=True)))
    worst = source.ids[inside][np.abs(source.error[inside]).argmax()]
    _, said, _ = cli("map", "run 0", "--where", "size=17-19")
    assert said.splitlines()[3].split()[0] == str(worst)

    assert content["warnings"] == []

    code, said, _ = cli("uncertainty", "run 0", "--json")
    content = json.loads(said)
    assert code == 0 and content["n_seeds"] == 2 and set(content["quantities"]) == {"spread", "distance"}
    assert (
        sum(tenth["n"] for tenth in content["quantities"]["spread"]["tenths"]) == content["quantities"]["spread"]["n"]
    )
    _, said, _ = cli("uncertainty", "run 1")
    assert "spread between seeds" in said and "90 to 100 %" in said
    of_unknown_split(runs[1])
    _, said, _ = cli("uncertainty", "run 1")
    assert "not known which molecules run 1 was trained on" in said
