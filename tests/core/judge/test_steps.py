from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.judge.steps import StepColumns, StepTail, envelope
from core.runs.folder import Run


def lines(first: int, last: int, **more: Any) -> list[dict[str, Any]]:
    return [{"step": k, "loss_mean": float(k), "learning_rate": 0.5, **more} for k in range(first, last + 1)]


def test_columns_grow_with_the_lines_and_hold_nan_where_a_line_says_nothing() -> None:
    columns = StepColumns()
    columns.append(lines(1, 3))
    assert columns.column("loss_mean").tolist() == [1, 2, 3] and columns.last("gpu_load") is None
    columns.append(lines(4, 3000, gpu_load=0.5, loss_quantiles=[1, 2, 3, 4, 5]))
    assert len(columns) == 3000 and columns.column("step").tolist() == list(range(1, 3001))
    assert columns.last("gpu_load") == 0.5 and columns.last("loss_q75") == 4
    assert np.isnan(columns.column("loss_q75")[:3]).all()
    table = columns.table()
    assert table["step"].to_list() == list(range(1, 3001)) and "memory" not in table.columns
    assert StepColumns().table().is_empty()


def test_a_resumed_job_s_lines_take_the_place_of_the_old_ones() -> None:
    columns = StepColumns()
    columns.append(lines(1, 9))
    columns.append([{**line, "loss_mean": -1.0} for line in lines(6, 7)])
    assert columns.column("step").tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert columns.column("loss_mean").tolist() == [1, 2, 3, 4, 5, -1, -1]


def test_the_file_of_a_run_is_followed(tmp_path: Path) -> None:
    path, tail = tmp_path / "metrics.jsonl", StepTail(Run(tmp_path))

    def seen() -> list[float]:
        with tail.reading() as columns:
            return columns.column("step").tolist()

    def written(some: list[dict[str, Any]]) -> bytes:
        return b"".join(json.dumps(line).encode() + b"\n" for line in some)

    assert seen() == []
    path.write_bytes(written(lines(1, 2)) + written([{"kind": "epoch", "step": 2}]) + b'{"step": 3, "lo')
    assert seen() == [1, 2] and seen() == [1, 2]
    with open(path, "ab") as file:
        file.write(b'ss_mean": 3}\n' + written(lines(4, 6)))
    assert seen() == [1, 2, 3, 4, 5, 6]
    replaced = tmp_path / "new"
    replaced.write_bytes(written(lines(1, 4)))
    replaced.replace(path)
    assert seen() == [1, 2, 3, 4]
    path.unlink()
    assert seen() == []


@pytest.mark.parametrize(("n", "group", "points"), [(300, 1, 300), (301, 2, 151), (10_000, 64, 157), (1, 1, 1)])
def test_thinning_drops_no_extreme(n: int, group: int, points: int) -> None:
    values = np.random.default_rng(0).normal(size=n)
    values[n // 2], values[n // 3] = 50.0, -50.0
    thin = envelope(np.arange(1.0, n + 1), values)
    assert (thin.averaged, len(thin)) == (group, points)
    assert thin.high.max() == values.max() and thin.low.min() == values.min()
    assert thin.steps[-1] == n
    for place in range(points):
        part = values[place * group : (place + 1) * group]
        assert (thin.low[place], thin.high[place]) == (part.min(), part.max())
        assert thin.mean[place] == pytest.approx(part.mean())


def test_points_stay_where_they_are_while_a_curve_grows() -> None:
    values = np.random.default_rng(1).normal(size=1200)
    steps = np.arange(1.0, 1201)
    early, late = envelope(steps[:900], values[:900]), envelope(steps, values)
    assert early.averaged == late.averaged == 4
    np.testing.assert_array_equal(early.high, late.high[: len(early)])


def test_steps_without_a_value_are_left_out() -> None:
    thin = envelope(np.array([1.0, 2, 3]), np.array([np.nan, 5.0, np.nan]))
    assert thin.steps.tolist() == [2] and thin.mean.tolist() == [5.0]
    assert len(envelope(np.empty(0), np.empty(0))) == 0
