"""The log of a SchNetPack training, metrics.csv or TensorBoard's events, as lines of our metrics.jsonl."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from core.errors import MollensError
from core.train.foreign_events import event_rows

MOST_LOG = 256 << 20
"""bytes"""
MOST_LINES = 500_000
_STEPS_KEPT = 2_000


def read_logs(
    paths: Sequence[Path], output: str, factor: float, mae_names: Sequence[str], rmse_names: Sequence[str]
) -> list[dict[str, Any]]:
    """Lines of metrics.jsonl, in the order of the steps, from the logs of a training and of what continued it.

    A validated epoch becomes an epoch line, a logged training loss a step line, thinned to 2,000 of them. Lightning
    counts steps and epochs from 0; ours are those done. Errors are multiplied by `factor` into the target's unit, the
    loss, which SchNetPack's default makes a mean square, by its square.

    Raises:
        MollensError: for a log that is too large or no table.
    """
    rows: dict[int, dict[str, float]] = {}
    for path in paths:
        for row in _rows(path) if path.suffix == ".csv" else event_rows(path):
            if (step := row.get("step")) is not None and step >= 0:
                rows.setdefault(int(step) + 1, {}).update(row)
    maes = [f"val_{output}_{name}" for name in mae_names] or [f"val_{output}_{name}" for name in ("mae", "MAE")]
    rmses = [f"val_{output}_{name}" for name in rmse_names] or [f"val_{output}_{name}" for name in ("rmse", "RMSE")]
    lines: list[dict[str, Any]] = []
    best, rate, last_epoch = math.inf, None, 0
    for step in sorted(rows):
        row = rows[step]
        rate = next((value for key, value in row.items() if key.startswith("lr_") or key.startswith("lr-")), rate)
        mae = next((row[key] for key in maes if key in row), None)
        loss = row.get("val_loss")
        epoch = int(row.get("epoch", last_epoch - 1)) + 1
        if mae is not None and epoch > last_epoch:
            last_epoch = epoch
            rmse = next((row[key] for key in rmses if key in row), None)
            is_best = (loss if loss is not None else mae) < best
            best = min(best, loss if loss is not None else mae)
            line = {"kind": "epoch", "epoch": epoch, "step": step, "validation_mae": mae * factor, "best": is_best}
            line |= {"validation_rmse": rmse * factor} if rmse is not None else {}
            line |= {"validation_loss": loss * factor**2} if loss is not None else {}
            lines.append(line | ({"learning_rate": rate} if rate is not None else {}))
        elif "train_loss" in row:
            line = {"kind": "step", "step": step, "epoch": float(row.get("epoch", last_epoch))}
            line |= {"loss_mean": row["train_loss"] * factor**2}
            lines.append(line | ({"learning_rate": rate} if rate is not None else {}))
    steps = [line for line in lines if line["kind"] == "step"]
    kept = {id(steps[k * len(steps) // _STEPS_KEPT]) for k in range(min(_STEPS_KEPT, len(steps)))}
    keep_all = len(steps) <= _STEPS_KEPT
    return [line for line in lines if line["kind"] == "epoch" or keep_all or id(line) in kept]


def _rows(path: Path) -> Iterator[dict[str, float]]:
    """Rows of a table with a head: its numbers by column; cells without a finite number are left out."""
    if path.stat().st_size > MOST_LOG:
        raise MollensError(f"{path.name}: has {path.stat().st_size:,} bytes; logs of at most {MOST_LOG:,} are read")
    try:
        with open(path, newline="", encoding="utf-8", errors="replace") as file:
            for count, row in enumerate(csv.DictReader(file)):
                if count >= MOST_LINES:
                    return
                yield {key: value for key, cell in row.items() if key and (value := _number(cell)) is not None}
    except (csv.Error, OSError) as error:
        raise MollensError(f"{path.name}: is no table of metrics ({error}); leave it out of the folder") from error


def _number(cell: Any) -> float | None:
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
