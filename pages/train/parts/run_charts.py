"""The charts of a run: loss, validation error, and where it is wrong while it learns."""

from __future__ import annotations

import numpy as np
import polars as pl
import streamlit as st

from core.data.properties import PROPERTIES
from core.data.store import Dataset
from core.errors import MollensError
from core.figures.numbers import number, shown_unit, squared
from core.figures.theme import ModelStyle, colours
from core.figures.training import Reference, loss_curve, loss_figure, validation_figure
from core.figures.training_groups import groups_now, learning_map
from core.judge.groups import is_common
from core.judge.reference import chemical_accuracy
from core.runs.folder import Run
from pages.common.appearance import dark, plain
from pages.common.furniture import card, card_head, empty, scale_strip, show
from pages.common.judged import Bench, run_convergence
from pages.common.loaders import load_history
from pages.train.parts.run_list import Seen

_LOSS_NAMES = {"mse": "Squared error", "mae": "Absolute error", "huber": "Huber loss"}


def show_curves(seen: Seen, dataset: Dataset | None, style: ModelStyle, baseline: float | None) -> None:
    """Training loss and validation error, side by side."""
    run = seen.run
    steps, _ = load_history(run)
    grid = st.grid(2, min_column_width=380, gap="small")
    with grid.cell(), card("loss", height="stretch"):
        _show_loss(seen, steps, style)
    with grid.cell(), card("validation", height="stretch"):
        _show_validation(seen, dataset, style, baseline)


def _show_loss(seen: Seen, steps: list[dict], style: ModelStyle) -> None:
    run, status = seen.run, seen.status
    assert status is not None
    loss = str(run.recipe_values.get("loss", "mse"))
    unit = str(run.recipe_file.get("unit", ""))
    unit = unit if loss == "mae" else squared(unit)
    curve = loss_curve(steps)
    table = pl.DataFrame(
        {"step": curve.steps, "loss_mean": curve.mean, "loss_low5": curve.low, "loss_high5": curve.high}
    )
    averaged = f" · each point averages {curve.averaged} steps" if curve.averaged > 1 else ""
    card_head(
        "Training loss",
        f"{_LOSS_NAMES.get(loss, loss)} per molecule, **{unit}** · band: 5 smallest to 5 largest of a batch{averaged}",
        "training_loss",
        table,
    )
    if len(curve.steps) == 0:
        empty("The first steps are on their way." if seen.live else "No step was recorded.", "loss")
        return
    fig = loss_figure(curve, unit, style.colour, dark(), status.steps)
    show(fig, "fig_loss", f"Training loss over {number(int(curve.steps[-1]))} steps")


def _show_validation(seen: Seen, dataset: Dataset | None, style: ModelStyle, baseline: float | None) -> None:
    run, status = seen.run, seen.status
    assert status is not None
    unit = str(run.recipe_file.get("unit", ""))
    scored = [line for line in seen.epochs if line.get("validation_mae") is not None]
    epochs = np.array([line["epoch"] for line in scored], dtype=np.int64)
    values = np.array([line["validation_mae"] for line in scored], dtype=np.float64)
    factor, shown = shown_unit(unit, float(values[-1]) if len(values) else None)
    n = number(run.recipe_file["split"].get("validation"))
    table = pl.DataFrame({"epoch": epochs, f"validation_mae_{unit}": values})
    caption = f"MAE per epoch, **{shown}** · {n} **validation** molecules, which choose the checkpoint"
    lines = [Reference(baseline, "baseline")] if baseline is not None else []
    accuracy = chemical_accuracy(dataset.card, PROPERTIES[run.target]) if dataset and run.target in PROPERTIES else None
    if accuracy is not None and len(values) and values.min() < 20 * accuracy:
        lines.append(Reference(accuracy, "1 kcal/mol"))
        caption += " · 1 kcal/mol: here against this dataset's labels, not experiment"
    card_head(
        "Validation error",
        caption,
        "validation_error",
        table,
    )
    if len(epochs) == 0:
        empty("The first epoch is not finished yet." if seen.live else "No epoch was finished.", "validation")
        return
    found = run_convergence(run)
    window = 0 if found.state in ("no epochs", "too short") else found.window
    fig = validation_figure(
        epochs, values, shown, factor, style.colour, style.symbol, dark(), status.epochs, lines, window
    )
    show(fig, "fig_validation", f"Validation MAE over {len(epochs)} epochs, now {values[-1] * factor:.3g} {shown}")


def show_learning(run: Run, dataset: Dataset, style: ModelStyle) -> None:
    """Validation error by size or element over the epochs, and as it stands now."""
    with card("learning"):
        head = st.container()
        with st.container(horizontal=True, gap="small", key="learning_controls"):
            by = st.segmented_control(
                "Groups", ["size", "element"], format_func={"size": "Size", "element": "Element"}.__getitem__,
                default="size", required=True, label_visibility="collapsed", key="learning_by",
            )  # fmt: skip
            mode = st.segmented_control(
                "Colour", ["relative", "error"], format_func={"relative": "Relative", "error": "Error"}.__getitem__,
                default="relative", required=True, label_visibility="collapsed", key="learning_mode",
            )  # fmt: skip
        try:
            curves = Bench(dataset, [run], "validation").curves(run, by or "size")
        except MollensError as error:
            with head:
                card_head("Where is it wrong while it learns?", "", "learning")
            st.warning(plain(error), icon=":material/info:")
            return
        relative = mode == "relative"
        unit = str(run.recipe_file.get("unit", ""))
        factor, shown = shown_unit(unit, float(curves.overall[-1]) if curves is not None else None)
        caption = f"**Validation** MAE of {'a size' if by == 'size' else 'the molecules with an element'} " + (
            "over that of all, in the same epoch · orange: worse than the rest" if relative else f"in **{shown}**"
        )
        if curves is None:
            with head:
                card_head("Where is it wrong while it learns?", caption, "learning")
            empty("Nothing to show before the first epoch is finished.", "learning")
            return
        labels = [group.name for group in curves.groups]
        table = pl.DataFrame({"epoch": curves.epochs, "all": curves.overall}).hstack(
            [pl.Series(label, curves.values[:, k]) for k, label in enumerate(labels)]
        )
        with head:
            command = f"python -m core curves {run.id} --by {by} --json"
            card_head("Where is it wrong while it learns?", caption, "error_by_group_and_epoch", table, command)
        rare = ~is_common(curves.n_train, run.recipe_file["split"].get("train", 0))
        title = "atoms in the molecule" if by == "size" else ""
        left, right = st.container(key="split_learning").columns([60, 40], gap="small")
        with left:
            fig = learning_map(
                labels, curves.epochs, curves.values, curves.overall, curves.n, shown, factor, relative, dark(), title
            )
            show(fig, "fig_learning", "Validation error by group and epoch")
        with right:
            fig = groups_now(
                labels, curves.values[-1], float(curves.overall[-1]), curves.n, curves.n_train, rare, shown, factor,
                style.colour, dark(),
            )  # fmt: skip
            show(fig, "fig_groups", "Validation error of each group in the last epoch")
        c = colours(dark())
        remark = "hollow: 10 to 49 validation molecules · orange count: below 1 % of the training"
        if relative:
            scale_strip(c.difference, "½ ×", "2 × the MAE of all", remark)
        else:
            scale_strip(c.error_ramp, "small", f"large, {shown}", remark)
