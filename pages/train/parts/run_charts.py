"""The curves of a run, alone or with up to two others beside it: loss, validation error, and how the training runs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl
import streamlit as st

from core.data.properties import PROPERTIES
from core.data.store import Dataset
from core.figures.numbers import number, shown_unit, squared
from core.figures.theme import Figure, ModelStyle
from core.figures.training import Reference, ValidationLine, validation_figure
from core.figures.training_loss import LossCurve, LossLine, loss_curve, loss_figure
from core.figures.training_trends import TrendLine, from_epochs, trend_figure
from core.judge.glance import Glance
from core.judge.reference import chemical_accuracy
from core.judge.steps import Envelope, StepTail, envelope
from core.runs.folder import Run
from pages.common.address import kept
from pages.common.appearance import dark, plain
from pages.common.furniture import card, card_head, empty
from pages.common.picture import PICTURE_CONFIG
from pages.train.parts.run_beside import Beside
from pages.train.parts.run_head import Now
from pages.train.parts.run_list import group_of

_LOSS_NAMES = {"mse": "Squared error", "mae": "Absolute error", "huber": "Huber loss"}
_BANDS = {"extremes": "5 of a batch", "quantiles": "Quantiles"}
_AXES = {"log": "Log", "linear": "Linear"}
_SPANS = {"all": ("All", 1.0), "half": ("Last ½", 0.5), "tenth": ("Last ⅒", 0.1)}
TRENDS = {
    "learning_rate": ("Learning rate", "", 1.0),
    "molecules_per_second": ("Molecules per second", "molecules/s", 1.0),
    "memory": ("Memory, GB", "GB", 1e-9),
    "gpu_load": ("GPU load, %", "%", 100.0),
}
"""Column of the metrics -> title, unit and factor of its small figure."""


_TAILS: OrderedDict[Hashable, StepTail] = OrderedDict()
_FIGURES: OrderedDict[Hashable, Figure] = OrderedDict()
_MOST_TAILS, _MOST_FIGURES = 200, 160
T = TypeVar("T")


def _kept(store: OrderedDict[Hashable, T], key: Hashable, make: Callable[[], T], most: int) -> T:
    """What was made before with the same key, or a new one; the oldest leaves where there are too many.

    Not with Streamlit's cache, whose look at the arguments takes half as long as making a figure.
    """
    found = store.get(key)
    if found is None:
        found = store[key] = make()
        while len(store) > most:
            with suppress(KeyError):  # another session was quicker
                store.popitem(last=False)
    return found


@dataclass(frozen=True, eq=False)
class Read:
    """What the curves of one run are drawn from, read at one moment."""

    seen: Glance
    style: ModelStyle
    name: str
    loss: LossCurve
    trends: dict[str, Envelope]
    now: Now


def _tail(run: Run) -> StepTail:
    """The run's logged steps, read on from where the last reader of any session stopped."""
    return _kept(_TAILS, str(run.path), lambda: StepTail(run), _MOST_TAILS)


def read_steps(
    seen: Glance, style: ModelStyle, name: str, kind: str = "extremes", unweighted: bool = False, first_step: int = 0
) -> Read:
    """Read on in a run's metrics and thin them for drawing, from `first_step` on."""
    with _tail(seen.run).reading() as columns:
        steps = columns.column("step")
        loss = loss_curve(columns, kind, unweighted, first_step)
        late = steps >= first_step
        trends = {key: envelope(steps[late], columns.column(key)[late]) for key in TRENDS}
        now = Now(*(columns.last(key) for key in TRENDS))
    lines = [line for line in seen.epochs if line["step"] >= first_step]
    for key, curve in trends.items():
        if not len(curve):  # older runs told it at the end of an epoch only
            trends[key] = from_epochs([line["step"] for line in lines], [_number(line.get(key)) for line in lines])
    return Read(seen, style, name, loss, trends, now)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _step_table(run: Run) -> pl.DataFrame:
    with _tail(run).reading() as columns:
        return columns.table()


@dataclass(frozen=True)
class View:
    """How the reader wants the curves."""

    band: str
    """extremes or quantiles"""
    log: bool
    share: float
    """part of the training that is shown, up to now"""


def pick_view(bands: bool = True) -> View:
    """Band of the loss, axes, and how much of the training is shown; all stand in the address.

    Args:
        bands: whether there is one; a log from elsewhere holds the means of batches only.
    """
    band: str | None = None
    if bands:
        band = st.segmented_control(
            "Band", list(_BANDS), format_func=_BANDS.__getitem__, required=True, label_visibility="collapsed",
            help="5 of a batch: the means of its 5 smallest and 5 largest losses. Quantiles: 5, 25, 50, 75 and 95 % of "
            "the losses without weights.",
            **kept("band", list(_BANDS), "extremes"),
        )  # fmt: skip
    axis = st.segmented_control(
        "Axis", list(_AXES), format_func=_AXES.__getitem__, required=True, label_visibility="collapsed",
        **kept("axis", list(_AXES), "log"),
    )  # fmt: skip
    span = st.segmented_control(
        "Span", list(_SPANS), format_func=lambda key: _SPANS[key][0], required=True, label_visibility="collapsed",
        help="The whole training, or its last half or tenth up to now, drawn more finely.",
        **kept("span", list(_SPANS), "all"),
    )  # fmt: skip
    return View(band or "extremes", axis != "linear", _SPANS[span or "all"][1])


def show_curves(read: list[Read], beside: Beside, dataset: Dataset | None, baseline: float | None, log: bool) -> None:
    """Training loss and validation error side by side, and below them how the training runs.

    Args:
        read: the run that is looked at, then those beside it.
    """
    grid = st.grid(2, min_column_width=380, gap="small")
    with grid.cell(), card("loss", height="stretch"):
        _show_loss(read, beside, log)
    with grid.cell(), card("validation", height="stretch"):
        _show_validation(read, beside, dataset, baseline, log)
    _show_trends(read, beside)


def _show_loss(read: list[Read], beside: Beside, log: bool) -> None:
    first, run = read[0], read[0].seen.run
    loss = str(run.recipe_values.get("loss", "mse"))
    unit = str(run.recipe_file.get("unit", ""))
    unit = unit if loss == "mae" else squared(unit)
    curve = first.loss
    averaged = f" · a point is {curve.averaged} steps" if curve.averaged > 1 else ""
    if curve.kind == "quantiles":
        told = "median, half and 90 % of a batch, without weights"
    elif curve.kind == "mean":
        told = "mean of a batch, without weights"
    else:
        told = "band: 5 smallest to 5 largest of a batch" + (", of the first run" if len(read) > 1 else "")
    weighted = str(run.recipe_values.get("weighting") or "none") != "none" and curve.kind == "extremes"
    head = f"{_LOSS_NAMES.get(loss, loss)} per molecule{' × its weight' if weighted else ''}"
    caption = f"{head}, **{unit}** · {told}{averaged}"
    if curve.kind == "extremes" and len(read) == 1:
        caption += ". Bands compare only at equal batch size and weights."
    card_head("Training loss", caption, "training_loss", lambda: _step_table(run), image="fig_loss")
    for remark in beside.remarks:
        st.caption(plain(remark))
    lines = [LossLine(one.name, one.style.colour, one.loss) for one in read if one.seen.run.id not in beside.other_loss]
    ended = [line.name for line in lines[1:] if not len(line.curve)]
    if ended and beside.first_step:
        st.caption(plain(f"{' and '.join(ended)} logged no step in this part."))
    if not any(len(line.curve) for line in lines):
        empty(_not_yet(first.seen, "The first steps are on their way.", "No step was recorded."), "loss")
        return
    key = ("loss", _stamp(read), curve.kind, unit, beside.last_step, beside.first_step, log, dark())
    fig = kept_figure(key, lambda: loss_figure(lines, unit, dark(), beside.last_step, log, beside.first_step))
    steps = number(int(curve.steps[-1])) if len(curve) else "no"
    show_live(fig, "fig_loss", f"Training loss over {steps} steps")


def _show_validation(
    read: list[Read], beside: Beside, dataset: Dataset | None, baseline: float | None, log: bool
) -> None:
    seen, run = read[0].seen, read[0].seen.run
    unit = str(run.recipe_file.get("unit", ""))
    lines = [
        ValidationLine(
            one.name,
            one.style.colour,
            one.style.symbol,
            np.array([line["epoch"] for line in one.seen.scored], dtype=np.int64),
            np.array(one.seen.curve, dtype=np.float64),
        )
        for one in read
    ]
    values = next((line.values for line in lines if len(line.values)), np.empty(0))
    factor, shown = shown_unit(unit, float(values[-1]) if len(values) else None)
    told = run.recipe_file.get("trained_on")
    n = told.get("validation") if isinstance(told, dict) else run.recipe_file["split"].get("validation")
    caption = f"MAE per epoch, **{shown}** · {number(n)} **validation** molecules, which choose the checkpoint"
    if beside.other_molecules:
        caption += " · " + plain(beside.other_molecules)
    levels = [Reference(baseline, "baseline")] if baseline is not None else []
    accuracy = chemical_accuracy(dataset.card, PROPERTIES[run.target]) if dataset and run.target in PROPERTIES else None
    if accuracy is not None and len(values) and values.min() < 20 * accuracy:
        levels.append(Reference(accuracy, "1 kcal/mol"))
        caption += " · 1 kcal/mol: here against this dataset's labels, not experiment"
    card_head("Validation error", caption, "validation_error", lambda: _epoch_table(read, unit), image="fig_validation")
    if not len(values):
        empty(_not_yet(seen, "The first epoch is not finished yet.", "No epoch was finished."), "validation")
        return
    found = seen.convergence
    window = 0 if found.state in ("no epochs", "too short") else found.window
    stamp = tuple((one.seen.run.id, one.name, one.style.colour, len(one.seen.epochs)) for one in read)
    key = ("validation", stamp, shown, beside.last_epoch, beside.first_epoch, tuple(levels), window, log, dark())
    fig = kept_figure(
        key,
        lambda: validation_figure(
            lines, shown, factor, dark(), beside.last_epoch, levels, window, log, beside.first_epoch
        ),
    )
    alt = f"Validation MAE over {len(seen.curve)} epochs, now {values[-1] * factor:.3g} {shown}"
    show_live(fig, "fig_validation", alt)


def _not_yet(seen: Glance, at_work: str, ended: str) -> str:
    """Why there is nothing to draw."""
    if group_of(seen) == "Queued":
        return "It has not begun."
    return at_work if seen.live else ended


def _epoch_table(read: list[Read], unit: str) -> pl.DataFrame:
    parts = [
        pl.DataFrame(
            {
                "run": [one.seen.run.name] * len(one.seen.curve),
                "epoch": [line["epoch"] for line in one.seen.scored],
                f"validation_mae_{unit}": one.seen.curve,
            },
            schema={"run": pl.String, "epoch": pl.Int64, f"validation_mae_{unit}": pl.Float64},
        )
        for one in read
    ]
    return pl.concat(parts)


def _show_trends(read: list[Read], beside: Beside) -> None:
    """Small figures of what was recorded; nothing where nothing was."""
    shown = [key for key in TRENDS if any(len(one.trends[key]) for one in read)]
    if not shown:
        return
    with card("trends"):
        grid = st.grid(len(shown), min_column_width=190, gap="small")
        for key in shown:
            title = TRENDS[key][0]
            with grid.cell():
                st.caption(title)
                show_live(_trend(key, read, beside), f"fig_{key}", f"{title} over the steps")


def _trend(key: str, read: list[Read], beside: Beside) -> Figure:
    _, unit, factor = TRENDS[key]
    last, first = beside.last_step, beside.first_step

    def make() -> Figure:
        lines = [TrendLine(one.name, one.style.colour, one.trends[key]) for one in read]
        top = 100.0 if key == "gpu_load" else 0.0
        return trend_figure(lines, unit, factor, dark(), last, top, first)

    return kept_figure((key, _stamp(read), last, first, dark()), make)


def _stamp(read: list[Read]) -> tuple[object, ...]:
    """Changes whenever a logged step has come."""
    return tuple(
        (one.seen.run.id, one.name, one.style.colour, len(one.loss), one.now, len(one.seen.epochs))
        + ((int(one.loss.steps[-1]),) if len(one.loss) else ())
        for one in read
    )


def kept_figure(key: tuple[object, ...], make: Callable[[], Figure]) -> Figure:
    """A figure that was made before with the same key, or a new one: making one takes longer than showing it."""
    return _kept(_FIGURES, key, make, _MOST_FIGURES)


def show_live(fig: Figure, key: str, alt: str) -> None:
    """Show a figure that one may zoom into; a double click shows all again.

    Streamlit mounts a changed figure afresh, so that a zoom lasts until the next step: `pick_view` has spans that stay.
    """
    config = {**PICTURE_CONFIG, "doubleClick": "reset", "scrollZoom": False}
    st.plotly_chart(fig, key=key, theme=None, alt=alt, config=config)
