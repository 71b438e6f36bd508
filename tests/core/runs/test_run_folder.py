"""The run folder: found, renamed, thrown away, damaged, lost; metrics, validation errors, predictions."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import MollensError
from core.runs.folder import Run, delete_run, list_runs, new_run, open_run, rename_run
from core.runs.listing import run_row
from core.runs.metrics import MetricsTail, kept_lines, read_metrics
from core.runs.predictions import Predictions, read_predictions
from core.runs.status import LOST_AFTER, Watch, read_status, write_status
from core.runs.validation import MOST_EPOCHS, ValidationFile, read_validation
from core.runs.writer import OwnerLost, RunWriter, replace_predictions

RECIPE = {
    "recipe": {"model": "schnet", "epochs": 5},
    "dataset": {"name": "tiny", "sha256": "abc"},
    "split": {"name": "default", "hash": "def"},
    "target": "energy",
    "unit": "eV",
    "seed": 0,
}


@pytest.fixture
def run() -> Run:
    return new_run(RECIPE, "A run")


def own() -> list[Run]:
    return [run for run in list_runs() if not run.shipped]


def test_a_run_is_found_by_id_and_by_name(run: Run) -> None:
    assert run.id.count("-") >= 3 and "a-run" in run.id
    assert open_run(run.id).path == run.path == open_run("A run").path
    other = new_run(RECIPE, "A run")
    with pytest.raises(MollensError, match=f"2 runs have this name.*{other.id}"):
        open_run("A run")
    with pytest.raises(MollensError, match="'B run': not found"):
        open_run("B run")
    for bad in ("../" + run.id, "..", "", "/etc"):
        with pytest.raises(MollensError, match="not found"):
            open_run(bad)


def test_rename_keeps_the_id(run: Run) -> None:
    renamed = rename_run(run, "Another name")
    assert renamed.id == run.id and open_run("Another name").id == run.id
    with pytest.raises(MollensError, match="not allowed"):
        rename_run(run, "a/b")


def test_a_damaged_run_is_listed_with_its_error(run: Run) -> None:
    (run.path / "recipe.json").write_text('{"format": 1}')
    assert "recipe is missing; expected dict" in (own()[0].error or "")
    assert run_row(own()[0])["state"] == "damaged"
    with pytest.raises(MollensError, match="recipe is missing"):
        open_run(run.id)
    delete_run(own()[0])
    assert own() == []


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("recipe.json", {"dataset": "x"}, "dataset is 'x'; expected dict"),
        ("recipe.json", {"split": {"name": 1, "hash": "y"}}, "split.name is 1; expected str"),
        ("recipe.json", {"seed": "one"}, "seed is 'one'; expected int"),
        ("about.json", {"name": None}, "name is missing; expected str"),
        ("status.json", {"pid": "abc"}, "pid is 'abc'"),
        ("status.json", {"state": 3}, "state is 3"),
    ],
)
def test_a_field_of_another_type_is_told(run: Run, file: str, change: dict[str, object], message: str) -> None:
    content = json.loads((run.path / file).read_text())
    (run.path / file).write_text(json.dumps(content | change))
    assert message in (own()[0].error or "")
    assert run_row(own()[0])["state"] == "damaged"


def test_a_folder_in_place_of_a_file_is_told(run: Run) -> None:
    (run.path / "about.json").unlink()
    (run.path / "about.json").mkdir()
    assert "about.json is missing" in (own()[0].error or "")


def test_delete_refuses_a_run_at_work(run: Run, home: Path) -> None:
    status = read_status(run.path / "status.json", run.what)
    write_status(run.path / "status.json", replace(status, state="running", pid=os.getpid(), host=socket.gethostname()))
    with pytest.raises(MollensError, match="is running; stop it"):
        delete_run(run)
    write_status(run.path / "status.json", replace(status, state="stopped"))
    assert delete_run(run).parent == home / "trash"


def test_a_job_whose_process_is_gone_is_lost_at_once(run: Run) -> None:
    status = read_status(run.path / "status.json", run.what)
    gone = replace(status, state="running", pid=2**22 - 3, host=socket.gethostname())
    write_status(run.path / "status.json", gone)
    assert run.status().state == "lost"
    write_status(run.path / "status.json", replace(gone, host="another machine"))
    assert run.status().state == "running"


def test_silence_is_counted_on_the_readers_clock(run: Run) -> None:
    path, watch = run.path / "status.json", Watch()
    os.utime(path, (1.0, 1.0))  # a writer whose clock is decades behind
    assert watch.silence(path, now=100.0) == 0.0
    assert watch.silence(path, now=130.0) == 30.0
    os.utime(path, (2.0, 2.0))
    assert watch.silence(path, now=100.0 + 2 * LOST_AFTER) == 0.0
    assert watch.silence(path, now=101.0 + 3 * LOST_AFTER) > LOST_AFTER


def test_only_the_owner_writes(run: Run) -> None:
    with RunWriter(run) as first:
        first.set_status(state="running", epoch=1)
        with RunWriter(run) as second:
            for write in (
                lambda: first.set_status(epoch=2),
                lambda: first.append_metrics({"kind": "step", "step": 1}),
                lambda: first.save_checkpoint(b"x"),
                lambda: first.rewind(0, 0),
            ):
                with pytest.raises(OwnerLost, match="another job has taken it over"):
                    write()
            second.set_status(state="finished")
    assert run.status().state == "finished"
    assert not (run.path / "last.ckpt").exists()


def test_metrics_are_read_from_an_offset_without_the_unfinished_line(run: Run) -> None:
    with RunWriter(run) as writer:
        writer.append_metrics(
            {"kind": "step", "step": 1, "loss_mean": 2 / 3, "losses": [1 / 3], "loss_max": float("nan")}
        )
        lines, offset = read_metrics(run)
        assert [line["step"] for line in lines] == [1] and lines[0]["loss_max"] is None
        assert lines[0]["loss_mean"] == 0.6666667 and lines[0]["losses"] == [0.3333333]
        with open(run.path / "metrics.jsonl", "ab") as file:
            file.write(b'{"kind": "step", "st')
        assert read_metrics(run, offset) == ([], offset)
        with open(run.path / "metrics.jsonl", "ab") as file:
            file.write(b'ep": 2}\n')
        assert [line["step"] for line in read_metrics(run, offset)[0]] == [2]


def test_a_tail_follows_a_run_that_goes_back(run: Run) -> None:
    tail = MetricsTail(run)
    assert not tail.refresh()
    with RunWriter(run) as writer:
        for step in range(1, 6):
            writer.append_metrics({"kind": "step", "step": step})
        writer.append_metrics({"kind": "epoch", "epoch": 1, "step": 5})
        assert tail.refresh() and len(tail.steps) == 5 and len(tail.epochs) == 1
        writer.rewind(0, 3)
        writer.append_metrics({"kind": "step", "step": 4, "again": True})
        tail.refresh()
    assert [line["step"] for line in tail.steps] == [1, 2, 3, 4]
    assert tail.steps[-1]["again"] and tail.epochs == []
    assert not tail.refresh()


def test_a_tail_sees_a_rewind_although_the_file_has_grown_again(run: Run) -> None:
    tail = MetricsTail(run)
    with RunWriter(run) as writer:
        for step in range(1, 4):
            writer.append_metrics({"kind": "step", "step": step, "first": True})
        tail.refresh()
        writer.rewind(0, 1)
        for step in range(2, 9):
            writer.append_metrics({"kind": "step", "step": step, "second": "x" * 50})
    tail.refresh()
    assert [line["step"] for line in tail.steps] == list(range(1, 9))
    assert [("second" in line) for line in tail.steps] == [False] + [True] * 7


def test_torn_lines_are_dropped_on_resuming(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n{"ste\n{"no": 1}\n{"step": "x"}\n{"step": 2}\n{"step": 3}\n{"st')
    assert [json.loads(line)["step"] for line in kept_lines(path, 2).splitlines()] == [1, 2]


def test_validation_errors_grow_and_go_back(run: Run) -> None:
    assert read_validation(run) is None
    file = ValidationFile(run.path, np.array([5, 7, 9]))
    for epoch in range(1, 5):
        file.append(epoch, np.full(3, epoch, dtype=np.float64))
    read = read_validation(run)
    assert read is not None
    assert read.epochs.tolist() == [1, 2, 3, 4] and read.ids.tolist() == [5, 7, 9]
    assert np.load(run.path / "validation.npy").tolist() == [[e] * 3 for e in (1, 2, 3, 4)]
    file.rewind(2)
    file = ValidationFile(run.path, np.array([5, 7, 9]))
    file.append(3, np.full(3, 33.0))
    read = read_validation(run)
    assert read is not None
    assert read.epochs.tolist() == [1, 2, 3] and read.errors[:, 0].tolist() == [1.0, 2.0, 33.0]


def test_a_row_whose_epoch_was_not_noted_is_not_read(run: Run) -> None:
    file = ValidationFile(run.path, np.array([5]))
    file.append(1, np.array([1.0]))
    index = (run.path / "validation.json").read_bytes()
    file.append(2, np.array([2.0]))
    (run.path / "validation.json").write_bytes(index)  # as a kill between the two leaves it
    read = read_validation(run)
    assert read is not None and read.epochs.tolist() == [1]
    again = ValidationFile(run.path, np.array([5]))
    again.append(2, np.array([22.0]))
    read = read_validation(run)
    assert read is not None and read.errors[:, 0].tolist() == [1.0, 22.0]


def test_very_long_trainings_are_thinned(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_EPOCHS == 1000
    monkeypatch.setattr("core.runs.validation.MOST_EPOCHS", 8)
    file = ValidationFile(run.path, np.array([5]))
    for epoch in range(1, 41):
        file.append(epoch, np.array([float(epoch)]))
    read = read_validation(run)
    assert read is not None
    assert len(read.epochs) <= 8 and read.epochs[-1] == 40
    assert (np.diff(read.epochs) == 8).all()
    assert read.errors[:, 0].tolist() == read.epochs.tolist()
    assert {p.name for p in run.path.glob("validation*.npy")} == {"validation-8.npy", "validation_ids.npy"}


def predictions(n: int, value: float) -> Predictions:
    ids, full = np.arange(n), np.full(n, value)
    return Predictions(ids, np.full(n, 2, np.uint8), full, full + 0.5, full + 1.0)


def test_predictions_are_replaced_as_a_whole(run: Run) -> None:
    assert read_predictions(run) is None
    replace_predictions(run, predictions(3, 1.0), "tiny", "abc")
    replace_predictions(run, predictions(4, 2.0), "tiny", "abc")
    with pytest.raises(MollensError, match="trained on other data of the name tiny"):
        replace_predictions(run, predictions(4, 3.0), "tiny", "abd")
    read = read_predictions(run)
    assert read is not None
    assert read.target.tolist() == [2.0] * 4 and read.errors.tolist() == [0.5] * 4
    assert [p.name for p in (run.path / "predictions").iterdir()] == ["tiny"]
    np.save(run.path / "predictions" / "tiny" / "baseline.npy", np.zeros(3))
    with pytest.raises(MollensError, match="differ in length"):
        read_predictions(run)
    (run.path / "predictions" / "tiny" / "baseline.npy").unlink()
    with pytest.raises(MollensError, match=r"baseline.npy is damaged or missing"):
        read_predictions(run)


def test_shipped_runs_are_read_only_and_laid_over(run: Run, home: Path) -> None:
    shipped = Run(run.path, shipped=True)
    replace_predictions(shipped, predictions(2, 1.0), "other", "abc")
    assert shipped.results == home / "runs" / run.id
    assert read_predictions(shipped, "other") is not None
    with pytest.raises(MollensError, match="ships with Mollens"):
        RunWriter(shipped)
    with pytest.raises(MollensError, match="cannot be deleted"):
        delete_run(shipped)
