"""Logs for other programs, read back by their own readers; log.txt and its limit."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from core.errors import MollensError
from core.runs.event_file import masked_crc32c
from core.runs.folder import Run, new_run
from core.runs.log import LIMIT, limit_log, log_tail
from core.runs.logs import RunLogs, columns, write_logs
from core.runs.writer import RunWriter
from tests.core.runs.test_run_folder import RECIPE


@pytest.fixture
def run() -> Run:
    return new_run(RECIPE, "A run")


def step(number: int, loss: float) -> dict[str, object]:
    return {"kind": "step", "step": number, "epoch": number / 4, "loss_mean": loss, "loss_quantiles": [1, 2, 3, 4, 5.5],
            "gpu_load": None}  # fmt: skip


def epoch(number: int, mae: float) -> dict[str, object]:
    return {"kind": "epoch", "epoch": number, "step": number * 4, "validation_mae": mae, "best": True}


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """All numbers in the event files of a folder, by tag, as TensorBoard reads them."""
    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    reader.Reload()
    return {tag: [(e.step, e.value) for e in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def write(run: Run, *lines: dict[str, object]) -> None:
    with RunWriter(run) as writer:
        for line in lines:
            writer.append_metrics(line)


def test_metrics_become_tables_and_events(run: Run, tmp_path: Path) -> None:
    write(run, step(1, 3.0), step(4, 2.0), epoch(1, 0.5), step(8, 1.0), epoch(2, 0.25))
    assert write_logs(run, tmp_path) == [tmp_path / "csv", tmp_path / "tensorboard"]
    table = rows(tmp_path / "csv" / "steps.csv")
    assert [(row["step"], row["loss_mean"], row["loss_quantile_95"], row["gpu_load"]) for row in table] == [
        ("1", "3.0", "5.5", ""), ("4", "2.0", "5.5", ""), ("8", "1.0", "5.5", ""),
    ]  # fmt: skip
    assert table[0]["time"].endswith("Z") and "kind" not in table[0]
    table = rows(tmp_path / "csv" / "epochs.csv")
    assert [(row["epoch"], row["validation_mae"], row["best"]) for row in table] == [
        ("1", "0.5", "1"),
        ("2", "0.25", "1"),
    ]
    read = scalars(tmp_path / "tensorboard")
    assert read["step/loss_mean"] == [(1, 3.0), (4, 2.0), (8, 1.0)]
    assert read["step/loss_quantile_95"] == [(1, 5.5), (4, 5.5), (8, 5.5)]
    assert read["epoch/validation_mae"] == [(4, 0.5), (8, 0.25)]
    assert "step/gpu_load" not in read and "step/step" not in read


def test_a_resumed_run_has_no_step_twice(run: Run) -> None:
    logs = RunLogs(run, ["csv", "tensorboard"])
    with RunWriter(run) as writer:
        for number in range(1, 6):
            writer.append_metrics(step(number, float(number)))
            logs.refresh()
        writer.append_metrics(epoch(1, 0.5))
        logs.refresh()
        logs.refresh()
    with RunWriter(run) as writer:  # killed, and resumed from a checkpoint after step 3, in a process of its own
        writer.rewind(0, 3)
        again = RunLogs(run, ["csv", "tensorboard"])
        again.refresh()
        writer.append_metrics(step(4, 44.0))
        again.refresh()
        writer.append_metrics(step(5, 55.0))
        writer.append_metrics(epoch(1, 0.25))
        again.refresh()
    expected = [(1, 1.0), (2, 2.0), (3, 3.0), (4, 44.0), (5, 55.0)]
    folder = run.path / "logs"
    assert [(int(r["step"]), float(r["loss_mean"])) for r in rows(folder / "csv" / "steps.csv")] == expected
    assert [r["validation_mae"] for r in rows(folder / "csv" / "epochs.csv")] == ["0.25"]
    assert scalars(folder / "tensorboard")["step/loss_mean"] == expected
    assert len(list((folder / "tensorboard").iterdir())) == 1


def test_a_value_that_comes_later_gets_a_column(run: Run) -> None:
    logs = RunLogs(run, ["csv"])
    with RunWriter(run) as writer:
        for line in (step(1, 1.0), step(2, 2.0) | {"memory": 100}, step(3, 3.0)):
            writer.append_metrics(line)
            logs.refresh()
    table = rows(run.path / "logs" / "csv" / "steps.csv")
    assert [(r["step"], r["memory"], r["loss_quantile_5"]) for r in table] == [
        ("1", "", "1"), ("2", "100", "1"), ("3", "", "1"),
    ]  # fmt: skip


def test_what_cannot_be_logged_is_told(run: Run, tmp_path: Path) -> None:
    with pytest.raises(MollensError, match="has no metrics yet"):
        write_logs(run, tmp_path)
    with pytest.raises(MollensError, match="log 'wandb': not known; there are csv, tensorboard"):
        RunLogs(run, ["wandb"])
    assert columns({"kind": "step", "pair": [1, 2], "inner": {"a": 1}}) == {"pair_0": 1, "pair_1": 2}


def test_the_checksum_is_crc32c() -> None:
    # RFC 3720, B.4: 32 bytes of zero have 8A9136AA, 123456789 has E3069283; masked as TensorFlow's crc32c.h says
    for data, crc in ((bytes(32), 0x8A9136AA), (b"123456789", 0xE3069283)):
        assert masked_crc32c(data) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_a_log_keeps_its_beginning_and_its_end(run: Run) -> None:
    path = run.path / "log.txt"
    assert LIMIT == 10_000_000 and not limit_log(path)
    lines = [f"line {k:06d}" for k in range(2000)]
    with open(path, "ab", buffering=0) as output:  # as a job's output is open
        output.write("\n".join(lines).encode() + b"\n")
        assert not limit_log(path, limit=100_000)
        assert limit_log(path, limit=4000, head=100)
        output.write(b"after\n")
    kept = path.read_text().splitlines()
    assert path.stat().st_size < 4000
    assert kept[0] == "line 000000" and kept[-2:] == ["line 001999", "after"]
    (cut,) = [line for line in kept if line.startswith("...")]
    n = sum(line.startswith("line") for line in kept)
    assert cut == f"... {(2000 - n) * 12:,} bytes of this log were left out ..."
    assert all(line in lines for line in kept if line.startswith("line"))


def test_the_tail_of_a_log(run: Run) -> None:
    assert log_tail(run) == []
    path = run.path / "log.txt"
    path.write_text("".join(f"line {k}\n" for k in range(500)))
    assert log_tail(run, 3) == ["line 497", "line 498", "line 499"]
    assert len(log_tail(run, 1000)) == 500
    path.write_text("x" * 100_000 + "\nlast")
    assert log_tail(run, 2) == ["x" * 100_000, "last"]
    path.write_bytes(b"\xff\xfe broken\n")
    assert log_tail(run) == ["\ufffd\ufffd broken"]


def test_a_job_keeps_its_log_short(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    cut: list[Path] = []
    monkeypatch.setattr("core.runs.writer._LOOK_AT_LOG", 0.01)
    monkeypatch.setattr("core.runs.writer.limit_log", lambda path: cut.append(path) or writer._ended.set())
    with RunWriter(run) as writer:
        writer._ended.wait(30)
    assert cut[0] == run.path / "log.txt"
