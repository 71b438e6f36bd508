"""The list of all runs, grouped by what the reader has to do about them."""

from __future__ import annotations

import streamlit as st

from core.figures.numbers import duration, quantity
from core.figures.theme import colours
from core.files import home
from core.judge.glance import Glance, Glances
from core.runs.full_disk import PAUSED
from core.runs.jobs import reap_children
from pages.common.appearance import dark
from pages.common.models import known_style
from pages.common.rows import Row, RowGroup

GROUPS = ("Running", "Queued", "Needs a look", "Finished")
MANY = 30
"""Finished runs that the list shows at first."""
_GROUP_OF = {
    "starting": "Running",
    "running": "Running",
    "stopping": "Running",
    "created": "Queued",
    "queued": "Queued",
    "finished": "Finished",
}
_CURVE_POINTS = 36
_ID_WORD = 8


def look() -> list[Glance]:
    """All runs as they stand now, the newest first, shipped ones last."""
    reap_children()
    return _glances(str(home())).look()


@st.cache_resource(max_entries=4, show_spinner=False)
def _glances(folder: str) -> Glances:
    return Glances()


def group_of(seen: Glance) -> str:
    """Under which heading a run stands."""
    return "Needs a look" if seen.status is None else _GROUP_OF.get(seen.status.state, "Needs a look")


def found_by(seen: list[Glance], words: str) -> list[Glance]:
    """Those whose name, dataset, recipe, seed, state or note hold all of the words, or whose id holds a long one."""
    wanted = words.casefold().split()
    if not wanted:
        return seen
    # short words are found in the random end of an id by chance
    return [
        s for s in seen if all(word in _searched(s) or (len(word) >= _ID_WORD and word in s.run.id) for word in wanted)
    ]


def _searched(seen: Glance) -> str:
    run = seen.run
    if run.error is not None:
        return f"{run.id} damaged".casefold()
    values = run.recipe_values
    told = (run.name, run.dataset_name, run.target, values.get("preset"), values.get("model"), run.origin, run.note,
            f"seed {run.seed}", state_words(seen))  # fmt: skip
    return " ".join(str(word) for word in told).casefold()


def row_groups(seen: list[Glance], most: int | None = None) -> list[RowGroup]:
    """The rows of the list under their headings; runs in the order given.

    Args:
        most: finished runs that are shown; the heading counts all.
    """
    spans = [max(len(s.curve), s.status.epochs if s.status else 0) for s in seen]
    span = max(spans, default=0)
    found = []
    for name in GROUPS:
        inside = [s for s in seen if group_of(s) == name]
        shown = inside[:most] if name == "Finished" else inside
        if inside:
            found.append(RowGroup(name, tuple(_row(s, span) for s in shown), str(len(inside))))
    return found


def _row(seen: Glance, span: int) -> Row:
    c = colours(dark())
    run = seen.run
    if seen.status is None:
        return Row(run.id, run.id, "damaged", dot=c.failed)
    style = known_style(run.id)
    stroke = style.colour if style else c.faint
    curve = [value for value in seen.curve if value > 0]
    value, unit = quantity(min(curve), str(run.recipe_file.get("unit", ""))) if curve else ("", "")
    running = group_of(seen) == "Running"
    share = seen.status.step / seen.status.steps if running and seen.status.steps else None
    return Row(
        run.id,
        run.name,
        f"{run.dataset_name} · {state_words(seen)}",
        value,
        unit,
        dot=style.colour if running and style else _dot(seen),
        curve=_few(curve),
        span=_few_span(len(curve), span),
        stroke=stroke,
        progress=share,
    )


def _few(curve: list[float]) -> tuple[float, ...]:
    """At most 36 points of a curve, the first and the last always."""
    if len(curve) <= _CURVE_POINTS:
        return tuple(curve)
    last = len(curve) - 1
    return tuple(curve[round(k * last / (_CURVE_POINTS - 1))] for k in range(_CURVE_POINTS))


def _few_span(n: int, span: int) -> int:
    """The full width in points of the thinned curve."""
    return span if n <= _CURVE_POINTS else round(_CURVE_POINTS * span / n)


def _dot(seen: Glance) -> str:
    """Red only for failed, orange for unfinished, grey for waiting or too short to tell, ink for the rest."""
    c = colours(dark())
    assert seen.status is not None
    state = seen.status.state
    if state == "failed":
        return c.failed
    if state in ("lost", "stopped"):
        return c.worse
    if group_of(seen) == "Queued":
        return c.faint
    if state == "finished" and seen.convergence.state in ("still falling", "rising"):
        return c.worse
    if state == "finished" and seen.convergence.state == "too short":
        return c.faint
    return c.ink


def paused(seen: Glance) -> bool:
    """Whether the job waits for room on its disk."""
    assert seen.status is not None
    return seen.live and seen.status.phase == PAUSED


def state_words(seen: Glance) -> str:
    """The state with its reason, in a few words."""
    status = seen.status
    if status is None:
        return "damaged"
    if paused(seen):
        return "paused, the disk is full"
    if status.state == "running":
        left = seen.seconds_left
        return f"{duration(left)} left" if left else status.phase or "first epoch"
    if status.state == "queued":
        return status.phase or status.message or "about to begin"
    if status.state == "created":
        return "not started"
    if status.state == "finished" and seen.linear:
        return "fitted"
    if status.state == "finished":
        found = seen.convergence.state
        loaded = seen.run.origin != "mollens"
        return {"no epochs": "loaded" if loaded else "finished", "too short": "too few epochs"}.get(found, found)
    if status.state == "failed":
        return f"failed: {status.error}" if status.error else "failed"
    if status.state in ("lost", "stopped"):
        return f"{status.state}, epoch {status.epoch}"
    return status.state
