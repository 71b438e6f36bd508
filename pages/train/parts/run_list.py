"""The list of all runs, grouped by what the reader has to do about them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from core.figures.numbers import duration, quantity
from core.figures.theme import colours
from core.runs.folder import Run
from core.runs.status import Status
from pages.common.appearance import dark
from pages.common.judged import run_convergence
from pages.common.loaders import load_history
from pages.common.models import known_style
from pages.common.rows import Row, RowGroup

GROUPS = ("Running", "Queued", "Finished", "Needs a look")
_GROUP_OF = {
    "starting": "Running",
    "running": "Running",
    "stopping": "Running",
    "created": "Queued",
    "queued": "Queued",
    "finished": "Finished",
}


@dataclass(frozen=True, eq=False)
class Seen:
    """A run as the page sees it now."""

    run: Run
    status: Status | None
    """None for a damaged run"""
    epochs: list[dict[str, Any]]
    """epoch lines of its metrics"""

    @property
    def group(self) -> str:
        """Under which heading it stands."""
        return "Needs a look" if self.status is None else _GROUP_OF.get(self.status.state, "Needs a look")

    @property
    def live(self) -> bool:
        """Whether something may change on its own."""
        return self.status is not None and self.status.active

    @property
    def curve(self) -> list[float]:
        """Validation MAE of the epochs, in the unit inside."""
        return [line["validation_mae"] for line in self.epochs if _number(line.get("validation_mae"))]

    @property
    def seconds_left(self) -> float | None:
        """Expected rest of the training, from the last three epochs."""
        if self.status is None or self.status.state != "running" or not self.epochs:
            return None
        lately = [line["seconds"] for line in self.epochs[-3:] if _number(line.get("seconds"))]
        return sum(lately) / len(lately) * (self.status.epochs - self.status.epoch) if lately else None


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def look(run: Run) -> Seen:
    """Read how a run stands now."""
    if run.error is not None:
        return Seen(run, None, [])
    return Seen(run, run.status(), load_history(run)[1])


def row_groups(seen: list[Seen]) -> list[RowGroup]:
    """The rows of the list under their headings; runs in the order given."""
    span = max((max(len(s.curve), s.status.epochs if s.status else 0) for s in seen), default=0)
    found = []
    for name in GROUPS:
        rows = tuple(_row(s, span) for s in seen if s.group == name)
        if rows:
            found.append(RowGroup(name, rows, str(len(rows))))
    return found


def _row(seen: Seen, span: int) -> Row:
    c = colours(dark())
    run = seen.run
    if seen.status is None:
        return Row(run.id, run.id, "damaged", dot=c.failed)
    style = known_style(run.id)
    stroke = style.colour if style else c.faint
    value, unit = quantity(min(seen.curve), str(run.recipe_file.get("unit", ""))) if seen.curve else ("", "")
    running = seen.group == "Running"
    share = seen.status.step / seen.status.steps if running and seen.status.steps else None
    return Row(
        run.id,
        run.name,
        f"{run.dataset_name} · {state_words(seen)}",
        value,
        unit,
        dot=style.colour if running and style else _dot(seen),
        curve=tuple(v for v in seen.curve if v > 0),
        span=span,
        stroke=stroke,
        progress=share,
    )


def _dot(seen: Seen) -> str:
    """Red only for failed, orange for unfinished, grey for waiting, ink for the rest."""
    c = colours(dark())
    assert seen.status is not None
    state = seen.status.state
    if state == "failed":
        return c.failed
    if state in ("lost", "stopped"):
        return c.worse
    if seen.group == "Queued":
        return c.faint
    if state == "finished" and run_convergence(seen.run).state in ("still falling", "rising"):
        return c.worse
    return c.ink


def state_words(seen: Seen) -> str:
    """The state with its reason, in a few words."""
    status = seen.status
    if status is None:
        return "damaged"
    if status.state == "running":
        left = seen.seconds_left
        return f"{duration(left)} left" if left is not None else status.phase or "first epoch"
    if status.state == "queued":
        return status.message or status.phase or "waits for its device"
    if status.state == "created":
        return "not started"
    if status.state == "finished" and seen.run.recipe_values.get("model") == "composition":
        return "fitted"
    if status.state == "finished":
        found = run_convergence(seen.run).state
        return {"no epochs": "finished", "too short": "finished"}.get(found, found)
    if status.state == "failed":
        return f"failed: {status.error}" if status.error else "failed"
    if status.state in ("lost", "stopped"):
        return f"{status.state}, epoch {status.epoch} of {status.epochs}"
    return status.state
