"""A full disk pauses a job, which goes on by itself when there is room, or ends cleanly when it is asked to."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from core import files
from core.data.store import Dataset
from core.errors import MollensError
from core.runs import full_disk, metrics, validation, writer
from core.runs.folder import Run
from core.runs.full_disk import PAUSED
from core.runs.jobs import request_stop
from core.runs.predictions import read_predictions
from core.runs.writer import RunWriter
from core.train.job import run_job
from tests.core.train.small_dataset import new_small_run, save_small
from tests.core.train.whole_runs import assert_same_training, contents, wait_for


class Disk:
    """A disk that is full for files of some names, from their n-th write on until it is freed."""

    def __init__(self, names: tuple[str, ...], after: int = 1, number: int = errno.ENOSPC) -> None:
        self.names, self.after, self.number = names, after, number
        self.free = False
        self.refused = 0
        self._written = 0

    def check(self, path: Path) -> None:
        if self.free or not any(name in Path(path).name for name in self.names):
            return
        self._written += 1
        if self._written > self.after:
            self.refused += 1
            raise OSError(self.number, os.strerror(self.number), str(path))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries again after a moment in place of seconds."""
    monkeypatch.setattr(writer, "RETRY", 0.02)
    monkeypatch.setattr(writer, "LISTEN", 0.01)


def fill(monkeypatch: pytest.MonkeyPatch, disk: Disk) -> None:
    """Let every way of writing meet the full disk: replaced files, mapped columns, appended lines and rows."""
    replace, write_array, append, row = os.replace, files.write_array, os.write, validation.ValidationFile._write_row
    names: dict[int, Path] = {}
    opened = os.open

    def open_(path: Any, *given: Any, **more: Any) -> int:
        handle = opened(path, *given, **more)
        names[handle] = Path(str(path))
        return handle

    def write(handle: int, content: Any) -> int:
        try:
            disk.check(names.get(handle, Path("other")))
        except OSError:
            append(handle, bytes(content)[:7])  # what still found room
            raise
        return append(handle, content)

    monkeypatch.setattr(files.os, "replace", lambda a, b: (disk.check(b), replace(a, b)))
    monkeypatch.setattr(
        "core.runs.predictions.write_array", lambda path, array: (disk.check(path), write_array(path, array))
    )
    monkeypatch.setattr(metrics.os, "open", open_)
    monkeypatch.setattr(metrics.os, "write", write)
    monkeypatch.setattr(
        validation.ValidationFile,
        "_write_row",
        lambda self, values: (disk.check(Path("validation.npy")), row(self, values)),
    )


def in_background(run: Run) -> Thread:
    """A thread that trains the run."""
    thread = Thread(target=lambda: run_job(run.id), daemon=True)
    thread.start()
    return thread


WRITES = {
    "checkpoint": ("last.ckpt",), "metrics": ("metrics.jsonl",), "validation": ("validation.npy",),
    "index": ("validation.json",), "model": ("model.safetensors",), "description": ("model.next.json",),
    "predictions": ("predicted.npy",), "status": ("status.json", "kept-back"), "logs": ("steps.csv", "tfevents"),
}  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of two epochs whose disk was never full, in a home of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOLLENS_HOME", str(tmp_path_factory.mktemp("undisturbed")))
        run = new_small_run(save_small(), epochs=2)
        run_job(run.id)
    return run


@pytest.mark.parametrize("what", WRITES)
def test_a_full_disk_pauses_the_run_which_goes_on_by_itself(
    small: Dataset, undisturbed: Run, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    disk = Disk(WRITES[what], after={"predictions": 0, "model": 0, "description": 0, "status": 6}.get(what, 1))
    run = new_small_run(small, epochs=2)
    with monkeypatch.context() as patch:
        if what == "logs":
            patch.setattr(Run, "logs", ["csv", "tensorboard"])
        fill(patch, disk)
        job = in_background(run)
        wait_for(lambda: disk.refused > 3, "the disk to be full")
        if what != "status":  # then not even that can be said
            wait_for(lambda: run.status().phase == PAUSED, "the run to say so")
            assert run.status().state == "running"
        disk.free = True
        job.join(60)
        assert not job.is_alive()
    assert (run.status().state, run.status().error) == ("finished", "")
    assert_same_training(run, undisturbed)
    more = {name for name in contents(run) if name not in contents(undisturbed)}
    assert len(more) == (3 if what == "logs" else 0)  # nothing half written is left


def test_the_users_share_of_the_disk_counts_too(small: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, run = Disk(("last.ckpt",), number=errno.EDQUOT), new_small_run(small, epochs=2)
    fill(monkeypatch, disk)
    job = in_background(run)
    wait_for(lambda: run.status().phase == PAUSED, "the run to say so")
    disk.free = True
    job.join(60)
    assert run.status().state == "finished"


def test_a_run_that_waits_for_room_can_be_stopped_and_resumed(small: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, run, undisturbed = Disk(("last.ckpt", "metrics.jsonl"), after=30), new_small_run(small), new_small_run(small)
    with monkeypatch.context() as patch:
        fill(patch, disk)
        job = in_background(run)
        wait_for(lambda: run.status().phase == PAUSED, "the run to say so")
        request_stop(run)
        job.join(60)
    status = run.status()
    assert (status.state, status.phase, status.error) == ("stopped", "", "")
    assert "goes on from its last checkpoint" in status.message
    assert not list(run.path.glob(".*.part")) and not (run.path / ".kept-back").exists()
    run_job(run.id)
    run_job(undisturbed.id)
    assert_same_training(run, undisturbed)


def test_the_heartbeat_goes_on_while_the_run_waits(small: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "HEARTBEAT", 0.05)
    monkeypatch.setattr(writer, "_LOOK_AT_LOG", 0.02)
    disk, run = Disk(("last.ckpt",)), new_small_run(small)
    fill(monkeypatch, disk)
    job = in_background(run)
    wait_for(lambda: run.status().phase == PAUSED, "the run to say so")
    content, beats = (run.path / "status.json").read_bytes(), set[int]()

    def beaten() -> bool:
        beats.add((run.path / "status.json").stat().st_mtime_ns)
        return len(beats) > 3

    wait_for(beaten, "heartbeats")
    assert (run.path / "status.json").read_bytes() == content
    disk.free = True
    job.join(60)
    assert run.status().state == "finished"


def test_a_word_is_said_with_the_room_that_was_kept_back(small: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_small_run(small)
    with RunWriter(run) as owner:
        assert (run.path / ".kept-back").stat().st_size == full_disk.KEPT_BACK

        def check(path: Path) -> None:
            if (run.path / ".kept-back").exists():
                raise OSError(errno.ENOSPC, "full", str(path))

        real: Callable[..., None] = os.replace
        monkeypatch.setattr(files.os, "replace", lambda a, b: (check(b), real(a, b)))
        owner.set_status(wait=False, state="failed", error="for another reason")
    assert (run.status().state, run.status().error) == ("failed", "for another reason")


def test_other_faults_of_the_disk_end_the_run(small: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, run = Disk(("last.ckpt",), number=errno.EFBIG), new_small_run(small)  # ulimit -f: no waiting will help
    fill(monkeypatch, disk)
    with pytest.raises(MollensError, match="no space left on the disk"):
        run_job(run.id)
    assert run.status().state == "failed"


def test_a_line_of_metrics_is_appended_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics.append_line(path, {"step": 1})
    fill(monkeypatch, Disk(("metrics.jsonl",), after=0))
    with pytest.raises(MollensError, match="no space left on the disk"):
        metrics.append_line(path, {"step": 2})
    assert path.read_bytes() == b'{"step": 1}\n'


def test_predictions_of_a_deleted_run_do_not_bring_its_folder_back(small: Dataset) -> None:
    run = new_small_run(small, epochs=1)
    run_job(run.id)
    predictions = read_predictions(run)
    assert predictions is not None
    run.path.rename(run.path.with_name("elsewhere"))
    with pytest.raises(MollensError, match="its folder is gone"):
        writer.replace_predictions(run, predictions, "small", small.card.sha256)
    assert not run.path.exists()


ON_A_SMALL_DISK = """
import os
from pathlib import Path
from core.runs.full_disk import PAUSED
from core.runs.jobs import start_job
from tests.core.train.small_dataset import new_small_run, save_small
from tests.core.train.whole_runs import in_state, wait_for

def fill():
    try:
        while True:
            ballast.write(b"x" * 4096)
    except OSError:
        return True

run = new_small_run(save_small(), epochs=40, batch_size=4)
start_job(run)
wait_for(lambda: in_state(run, "running")() and run.status().step > 20, "the job to train")
ballast = open(Path(os.environ["MOLLENS_HOME"]) / "ballast", "wb", buffering=0)
wait_for(lambda: fill() and run.status().phase == PAUSED, "the run to pause")
assert run.status().step < run.status().steps
ballast.close()
os.unlink(ballast.name)
wait_for(in_state(run, "finished"), "the run to finish")
assert run.status().step == run.status().steps
print("went on")
"""


@pytest.mark.slow
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    mount = ["unshare", "-Urm", "sh", "-c", f'mount -t tmpfs -o size=6m tmpfs "{tmp_path}" && exec "$@"', "sh"]
    try:
        subprocess.run([*mount, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this system lets no user make a small disk of its own")
    done = subprocess.run(
        [*mount, sys.executable, "-c", ON_A_SMALL_DISK],
        cwd=files.CHECKOUT,
        env={**os.environ, "MOLLENS_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "went on\n", done.stderr[-2000:]
