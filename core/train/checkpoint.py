"""last.ckpt: everything that a training needs to go on as if it had never stopped; tensors and plain values only."""

import io
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import Tensor

from core.errors import MollensError

FORMAT = 1
State = dict[str, Any]


@dataclass
class Progress:
    """How far a training has come."""

    epoch: int = 0
    """finished epochs"""
    position: int = 0
    """steps done in the epoch that is running"""
    step: int = 0
    """steps done in all"""
    loss_sum: float = 0.0
    """sum of the losses of the molecules seen in the running epoch"""
    seconds: float = 0.0
    """training time of the running epoch"""
    total_seconds: float = 0.0
    """training time of the finished epochs, validation included"""
    best_epoch: int = 0
    """finished epoch with the least validation MAE; 0 while there is none"""
    best_mae: float = float("inf")
    """in the target's unit"""
    finished: bool = False
    """whether the training has ended, be it early"""


def pack(state: State, progress: Progress) -> bytes:
    """The bytes of a checkpoint: nested dictionaries and lists of tensors and plain values."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "progress": asdict(progress), **state}, buffer)
    return buffer.getvalue()


def unpack(content: bytes, what: str) -> tuple[State, Progress]:
    """Read what `pack` gave; nothing but tensors and plain values is ever made from a file.

    Raises:
        MollensError: if the checkpoint is damaged or of a newer version; `what` begins the sentence.
    """
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        if state["format"] > FORMAT:
            raise MollensError(
                f"{what}: last.ckpt has format {state['format']}, newer than {FORMAT}; use a newer Mollens"
            )
        values = state.pop("progress")
        return state, Progress(**{field.name: values[field.name] for field in fields(Progress)})
    except MollensError:
        raise
    except Exception as error:  # torch raises its own, pickle's, zipfile's and more for a damaged file
        raise MollensError(
            f"{what}: last.ckpt is damaged ({type(error).__name__}); delete it to train from the beginning"
        ) from error


def random_state() -> dict[str, Tensor | list[Tensor]]:
    """States of torch's generators; the run's own streams need none, they follow from seed and epoch."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def restore_random_state(state: dict[str, Any]) -> None:
    """Go on from `random_state()`; generators of devices that are not here are left out."""
    torch.set_rng_state(state["cpu"])
    for device, generator in enumerate(state["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(generator, device)
