"""Checkpoints keep every bit, and a file can make nothing but tensors and plain values."""

import os
import pickle
from pathlib import Path

import pytest
import torch

from core.errors import MollensError
from core.train.checkpoint import Progress, pack, random_state, restore_random_state, unpack

PROGRESS = Progress(epoch=3, position=2, step=17, loss_sum=0.1 + 0.2, best_epoch=2, best_mae=1 / 3)


def test_what_is_packed_is_unpacked() -> None:
    state = {"network": {"weight": torch.randn(3, 2)}, "averaged": None, "schedule": {"factor": 0.8}}
    again, progress = unpack(pack(state, PROGRESS), "run x")
    assert progress == PROGRESS
    assert torch.equal(again["network"]["weight"], state["network"]["weight"])
    assert again["averaged"] is None and again["schedule"] == {"factor": 0.8}


def test_random_numbers_go_on() -> None:
    state, _ = unpack(pack({"random": random_state()}, PROGRESS), "run x")
    expected = torch.rand(4)
    torch.rand(9)
    restore_random_state(state["random"])
    assert torch.equal(torch.rand(4), expected)


class Dangerous:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("made-by-a-checkpoint",)


@pytest.mark.parametrize("content", [b"", b"half", pickle.dumps(Dangerous())], ids=["empty", "half", "dangerous"])
def test_damaged_and_dangerous_files_are_refused(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MollensError, match=r"^run x: last\.ckpt is damaged .* delete it to train from the beginning$"):
        unpack(content, "run x")
    assert not list(tmp_path.iterdir())


def test_half_a_checkpoint_is_refused() -> None:
    whole = pack({"network": {"weight": torch.randn(100)}}, PROGRESS)
    with pytest.raises(MollensError, match="damaged"):
        unpack(whole[: len(whole) // 2], "run x")


def test_a_newer_format_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.train.checkpoint.FORMAT", 2)
    content = pack({}, PROGRESS)
    monkeypatch.undo()
    with pytest.raises(MollensError, match="format 2, newer than 1"):
        unpack(content, "run x")
