from __future__ import annotations

import numpy as np

from core.files import write_json
from core.judge.inspect.bench import open_bench
from core.judge.inspect.look_inside import how_to_look
from core.runs.folder import rename_run
from tests.core.judge.judged_runs import half_tested, noise, seeded


def test_runs_and_benches_share_equal_columns() -> None:
    dataset = half_tested("shared", 200)
    a, b = (seeded(dataset, noise(dataset, k), k) for k in range(2))
    both, alone = open_bench([a, b], dataset), open_bench([b], dataset)
    first, second = both.runs
    for name in ("target", "baseline", "codes", "place"):
        assert getattr(first, name) is getattr(second, name) is getattr(alone.first, name)
        assert not getattr(first, name).flags.writeable
    assert first.predicted is not second.predicted and second.predicted is alone.first.predicted
    assert first.error is not first.error and np.allclose(first.error, noise(dataset, 0), atol=1e-6)


def test_a_bench_has_the_name_that_a_run_has_now() -> None:
    dataset = half_tested("named", 200)
    run = seeded(dataset, noise(dataset, 0), name="before")
    assert open_bench([run], dataset).recipes == ("before",)
    assert open_bench([rename_run(run, "after")], dataset).recipes == ("after",)


def test_only_a_network_is_said_to_be_looked_into() -> None:
    dataset = half_tested("looked", 200)
    run = seeded(dataset, noise(dataset, 0), name="a")
    assert how_to_look(open_bench([run], dataset).first) == ": a holds predictions only, no network"
    write_json(run.path / "model.json", {"weights_sha256": "0" * 64})
    assert how_to_look(open_bench([run], dataset).first) == f": run `look-inside {run.id}`"
    baseline = seeded(dataset, noise(dataset, 1), name="fit", model="composition")
    assert "has no network" in how_to_look(open_bench([baseline], dataset).first)
