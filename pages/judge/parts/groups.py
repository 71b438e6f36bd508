"""All groups of one model as a table, and error against the number of training molecules."""

from __future__ import annotations

import polars as pl
import streamlit as st

from core.figures.error_axes import MEASURE_NAMES
from core.figures.error_curves import error_by_training_count
from pages.common.furniture import card, card_head, show
from pages.judge.parts.controls import Models
from pages.judge.parts.figures import focus_run, joined

_GROUPINGS = {"size": "sizes", "element": "elements", "size_element": "size and element"}


def table_and_counts(models: Models) -> None:
    """The table of groups beside the scatter of error against training count."""
    grid = st.grid(5, min_column_width=180, gap="small")
    with grid.cell(column_span=3), card("table", "stretch", gap="xsmall"):
        _table(models)
    with grid.cell(column_span=2), card("counts", "stretch", gap="xxsmall"):
        what = f"{MEASURE_NAMES[models.view.measure]} in **{models.view.unit}**"
        caption = f"One mark a size · {what} · hollow: 10 to 49 held out · rarity and size go together"
        card_head(
            "Does more data mean less error?", caption, "by_count", joined(models, "size"), models.commands("size")
        )
        show(
            error_by_training_count(models.of("size"), models.view),
            "errors_by_count",
            "Error of each size against its training molecules",
        )


def _table(models: Models) -> None:
    run = focus_run(models)
    by = st.session_state.get("table_by") or "size"
    table = models.bench.table(run, by, models.per)
    unit = f"**{models.view.unit}**"
    caption = f"{models.marked(run)} · {unit} · interval 95 %, none below 10 molecules · rare: below 1 % of all"
    card_head("The groups in numbers", caption, "groups", table, models.command(run, by))
    st.segmented_control(
        "Groups", list(_GROUPINGS), format_func=_GROUPINGS.__getitem__, default="size", key="table_by", required=True,
        label_visibility="collapsed",
    )  # fmt: skip
    view, measure = models.view, models.view.measure
    scaled = [pl.col(c) * view.factor for c in (measure, "rmse", "bias", "max", "baseline_mae")]
    limits = [(pl.col(f"{measure}_{side}") * view.factor) for side in ("low", "high")]
    interval = pl.format("{} to {}", *[limit.round(1 if models.view.factor > 1 else 3) for limit in limits])
    shown = table.filter((pl.col("n_held_out") > 0) | (pl.col("n_train") > 0)).select(
        pl.col("group").alias("Group"),
        pl.col("n_held_out").alias("Held out"),
        pl.col("n_train").alias("Training"),
        pl.when(pl.col("common")).then(pl.lit("")).otherwise(pl.lit("rare")).alias("Rare"),
        scaled[0].alias(MEASURE_NAMES[measure]),
        interval.alias("95 %"),
        *([scaled[1].alias("RMSE")] if measure != "rmse" else []),
        *([scaled[2].alias("Bias")] if measure != "bias" else []),
        scaled[3].alias("Max"),
        scaled[4].alias("Baseline"),
    )
    numeric = {
        name: st.column_config.NumberColumn(format="%.3g", width=60)
        for name in shown.columns
        if shown[name].dtype == pl.Float64
    }
    st.dataframe(
        shown,
        hide_index=True,
        height=262,
        placeholder="",
        column_config={
            "Group": st.column_config.TextColumn(width=56),
            "Held out": st.column_config.NumberColumn(format="localized", width=60),
            "Training": st.column_config.NumberColumn(format="localized", width=62),
            "Rare": st.column_config.TextColumn(width=42),
            "95 %": st.column_config.TextColumn(width=98),
            **numeric,
        },
    )
