"""All groups of one model as a table, the worst groups, and error against the number of training molecules."""

from __future__ import annotations

import polars as pl
import streamlit as st

from core.figures.error_axes import MEASURE_NAMES
from core.figures.error_counts import error_by_training_count
from core.figures.error_groups import one_group
from core.runs.folder import Run
from pages.common.furniture import card, card_head
from pages.judge.parts.figures import click_on
from pages.judge.parts.models import Models
from pages.judge.parts.numbers import focus_run, what
from pages.judge.parts.worst import show_worst

_MORE = ("mae", "rmse", "mse", "bias", "max")


def worst_and_counts(models: Models) -> None:
    """The worst groups beside the error of the chosen groups against their training molecules."""
    grid = st.grid(5, min_column_width=180, gap="small")
    with grid.cell(column_span=3), card("worst", "stretch", gap="xxsmall"):
        show_worst(models)
    with grid.cell(column_span=2), card("counts", "stretch", gap="xxsmall"):
        _counts(models)


def _counts(models: Models) -> None:
    by = models.by
    noun = one_group(by, models.bench.dataset)
    caption = f"One mark a {noun} · {what(models)} · hollow: 10 to 49 held out · rarity and size go together"
    card_head(
        "Does more data mean less error?", caption, "by_count", lambda: models.joined(by), models.commands(by),
        image="card_counts",
    )  # fmt: skip
    several = models.of(by)
    if not any((model.table["n_held_out"] >= 10).any() for model in several):
        st.markdown(":gray[No group has 10 held-out molecules.]")
        return
    fig = error_by_training_count(several, models.axis(by), models.view, models.chosen(by))
    click_on(fig, "errors_by_count", "Error of each group against its training molecules", models, models.grouping(by))


def groups_table(models: Models) -> None:
    """The chosen groups of one model in numbers."""
    run, by = focus_run(models), models.by
    table = models.tables(by)[models.runs.index(run)]
    view = models.view
    with card("table", gap="xsmall"):
        unit = "**× baseline**" if view.relative else f"**{models.unit}**, MSE in **{models.plain_view('mse').unit}**"
        caption = f"{models.marked(run)} · {unit} · interval 95 %, none below 10 molecules · rare: below 1 % of all"
        card_head("The groups in numbers", caption, "groups", table, models.command(run, by))
        st.dataframe(
            _shown(models, run, table),
            hide_index=True,
            height=min(36 * (len(table) + 1) + 2, 330),
            placeholder="",
            column_config=_columns(models),
        )


def _shown(models: Models, run: Run, table: pl.DataFrame) -> pl.DataFrame:
    measure = models.view.measure
    axis = models.axis(models.by)
    labels = {name: axis.shorts.get(name, name) for name in table["group"].to_list()}
    unknown = run in models.bench.unknown
    rows = []
    for row in table.iter_rows(named=True):
        if not row["n_held_out"] and not row["n_train"]:
            continue
        ends = [models.view.text(row.get(f"{measure}_{side}")) for side in ("low", "high")]
        limits = "" if row.get(f"{measure}_low") is None else " to ".join(ends)
        shown = {
            "Group": labels[row["group"]],
            "Held out": row["n_held_out"],
            "Training": None if unknown else row["n_train"],
            "Rare": "" if unknown or row["common"] else "rare",
            MEASURE_NAMES[measure]: _scaled(models, row, measure),
            "95 %": limits,
        }
        shown |= {MEASURE_NAMES[m]: _scaled(models, row, m) for m in _MORE if m != measure}
        baseline = row["baseline_mae"]
        shown[f"Baseline MAE, {models.unit}"] = None if baseline is None else baseline * models.factor
        rows.append(shown)
    return pl.DataFrame(rows, infer_schema_length=None)


def _scaled(models: Models, row: dict[str, float | None], measure: str) -> float | None:
    value = row[measure]
    factor = 1.0 if models.view.relative else models.plain_view(measure).factor
    return None if value is None else value * factor


def _columns(models: Models) -> dict[str, object]:
    numeric = {name: st.column_config.NumberColumn(format="%.3g", width=72) for name in MEASURE_NAMES.values()}
    numeric[f"Baseline MAE, {models.unit}"] = st.column_config.NumberColumn(format="%.3g", width=120)
    return {
        "Group": st.column_config.TextColumn(width=110),
        "Held out": st.column_config.NumberColumn(format="localized", width=66),
        "Training": st.column_config.NumberColumn(format="localized", width=66),
        "Rare": st.column_config.TextColumn(width=48),
        "95 %": st.column_config.TextColumn(width=110),
        **numeric,
    }
