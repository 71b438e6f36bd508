from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from core.data.store import Dataset
from core.files import CHECKOUT
from core.judge.convergence import convergence
from core.judge.glance import EpochTail, Glances
from core.runs import metrics
from core.runs.folder import Run, delete_run, rename_run
from core.runs.listing import run_row
from core.runs.writer import RunWriter
from tests.fake_runs import fake_dataset, fake_molecules, fake_run, qm9_like

pytestmark = pytest.mark.usefixtures("no_shipped_runs")


@pytest.fixture
def no_shipped_runs(monkeypatch: pytest.MonkeyPatch, home: object) -> None:
    monkeypatch.setattr("core.runs.folder.SHIPPED", CHECKOUT / "models" / "none")


@pytest.fixture
def dataset() -> Dataset:
    return fake_dataset("learned", fake_molecules(qm9_like(100)))


def a_run(dataset: Dataset, name: str, epochs: int = 12) -> Run:
    curve = np.stack([np.full(10, 1.0 / epoch) for epoch in range(1, epochs + 1)])
    return fake_run(dataset, np.zeros(100), name, validation=curve, write=False)


def line(kind: str, step: int, **more: float) -> bytes:
    return json.dumps({"kind": kind, "epoch": step / 10, "step": step, **more}).encode() + b"\n"


def test_a_glance_says_what_the_run_s_own_files_say(dataset: Dataset) -> None:
    runs = {run.id: run for run in (a_run(dataset, "first"), a_run(dataset, "second", 20))}
    seen = Glances().look()
    assert {glance.run.id for glance in seen} == set(runs)
    for glance in seen:
        row = run_row(runs[glance.run.id])
        assert glance.curve == pytest.approx(row["validation_curve"]) and len(glance.curve) > 10
        assert glance.status is not None and glance.status.state == row["state"]
        assert glance.convergence == convergence(runs[glance.run.id])
        assert glance.convergence.state == "still falling" and not glance.live


def test_only_what_has_changed_is_read_again(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    run, other = a_run(dataset, "first"), a_run(dataset, "second")
    glances = Glances()
    before = {glance.run.id: glance for glance in glances.look()}
    read: list[str] = []
    monkeypatch.setattr(Run, "status", lambda self, ask=Run.status: read.append(self.id) or ask(self))
    parse = metrics.parse_lines
    monkeypatch.setattr("core.judge.glance.parse_lines", lambda content: read.append("metrics") or parse(content))
    monkeypatch.setattr("core.judge.glance.list_runs", lambda: pytest.fail("nothing was made or renamed"))
    again = {glance.run.id: glance for glance in glances.look()}
    assert again == before and read == []
    with open(run.path / "metrics.jsonl", "ab") as file:
        file.write(line("step", 1290) + line("epoch", 1300, validation_mae=0.05))
    now = {glance.run.id: glance for glance in glances.look()}
    assert read == ["metrics"]
    assert now[run.id].curve[-1] == 0.05 and len(now[run.id].curve) == 13
    assert now[other.id] is before[other.id]


def test_a_live_run_s_state_is_asked_for_each_time(dataset: Dataset) -> None:
    run = a_run(dataset, "first")
    glances = Glances()
    with RunWriter(run) as writer:
        writer.set_status(state="running", epochs=24, epoch=12, step=1200, steps=2400)
        (glance,) = glances.look()
        assert glance.live and glance.seconds_left == pytest.approx(12 * 1.0)
        writer.set_status(step=1800)
        assert glances.look()[0].seconds_left == pytest.approx(6 * 1.0)
        writer.set_status(state="finished", pid=0)
    (glance,) = glances.look()
    assert not glance.live and glance.seconds_left is None


def test_new_renamed_deleted_and_damaged_runs_are_seen(dataset: Dataset) -> None:
    glances = Glances()
    assert glances.look() == []
    run = a_run(dataset, "first")
    assert [glance.run.name for glance in glances.look()] == ["first"]
    rename_run(run, "another")
    assert [glance.run.name for glance in glances.look()] == ["another"]
    status = (run.path / "status.json").read_bytes()
    (run.path / "status.json").write_text("{")
    os.utime(run.path / "status.json", ns=(1, 1))
    (glance,) = glances.look()
    assert glance.status is None and "damaged" in str(glance.run.error)
    (run.path / "status.json").write_bytes(status)
    glances.look()
    (glance,) = glances.look()
    assert glance.run.error is None and glance.status is not None
    delete_run(run)
    assert glances.look() == []


def test_a_renamed_run_keeps_its_curve(dataset: Dataset) -> None:
    run = a_run(dataset, "first")
    glances = Glances()
    before = glances.look()[0].curve
    rename_run(run, "another name")
    after = glances.look()[0]
    assert after.run.name == "another name" and after.curve == before and len(before) > 10
    assert after.convergence.state == "still falling"


def test_epoch_lines_are_followed_through_a_resumed_job(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    tail = EpochTail(path)
    assert tail.read() is None
    path.write_bytes(line("step", 5) + line("epoch", 10) + line("step", 15) + line("epoch", 20)[:-9])
    assert [found["step"] for found in tail.read() or ()] == [10]
    assert tail.read() is None
    with open(path, "ab") as file:
        file.write(line("epoch", 20)[-9:] + line("epoch", 30) + line("epoch", 20))
    assert [found["step"] for found in tail.read() or ()] == [10, 20]
    replaced = tmp_path / "new"
    replaced.write_bytes(line("epoch", 10, validation_mae=3.0))
    replaced.replace(path)
    assert tail.read() == ({"kind": "epoch", "epoch": 1.0, "step": 10, "validation_mae": 3.0},)
    path.unlink()
    assert tail.read() == ()
