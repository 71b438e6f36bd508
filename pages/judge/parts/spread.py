"""How errors are spread: against the target as a density, and over the molecules as a distribution."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import polars as pl
import streamlit as st

from core.figures.error_sentences import distribution_sentence
from core.figures.numbers import in_sentence, number
from core.figures.residuals import error_shares, residual_heatmap, residual_sentence
from core.judge.residuals import ErrorDistribution, ResidualDensity
from pages.common.address import kept
from pages.common.appearance import plain, unbroken
from pages.common.furniture import card, card_head, show
from pages.judge.parts.models import Models
from pages.judge.parts.numbers import focus_run

_WAYS = {"absolute": "absolute", "signed": "signed"}
# kept as long as what they show is: neither groups nor measure change it
_heatmap = lru_cache(maxsize=40)(residual_heatmap)
_shares = lru_cache(maxsize=40)(error_shares)
_REFERENCES = {"free atoms": "minus free atoms", "composition": "minus its composition", "": "as it is"}


def spread(models: Models) -> None:
    """Residual density of the model in detail beside the distribution of all models' errors."""
    grid = st.grid(2, min_column_width=430, gap="small")
    with grid, card("density", "stretch", gap="xxsmall"):
        _density(models)
    with grid, card("distribution", "stretch", gap="xxsmall"):
        _distribution(models)


def _density(models: Models) -> None:
    run, view = focus_run(models), models.plain_view("mae")
    density = models.bench.density(run, models.per)
    label = plain(in_sentence(models.bench.held_out(run).target.label))
    axis = _REFERENCES.get(density.reference, density.reference)
    caption = (
        f"{models.marked(run)} · predicted minus target in **{view.unit}** against {label}, {axis} · {models.part()} · "
        "grey: molecules (log) · line: median, dashed: quartiles"
    )
    command = f"python -m core residuals {run.id}{models.options()} --json"
    card_head(
        "Is it wrong at some values?", caption, "residual_density", lambda: density_table(density), command,
        image="card_density",
    )  # fmt: skip
    if density.n == 0:
        st.markdown(":gray[The filters leave no molecule.]")
        return
    st.markdown(unbroken(residual_sentence(density, view.factor, view.unit)))
    fig = _heatmap(density, models.styles[run.id], view.factor, view.unit, view.dark)
    show(fig, "residual_density", f"Density of {number(density.n)} molecules by target and error")


def _distribution(models: Models) -> None:
    view = models.plain_view("mae")
    signed = st.query_params.get("spread") == "signed"
    found = models.bench.distribution(signed, not signed and view.log, models.per)
    scale = " (log)" if found.log else ""
    caption = (
        f"{'Signed' if signed else 'Absolute'} error in **{view.unit}**{scale}, {models.part()} molecules · above: "
        "share in each bin · below: share up to there"
    )
    others = "".join(f" --with {run.id}" for run in models.runs[1:])
    command = f"python -m core residuals {models.runs[0].id}{others}{models.options()} --json"
    card_head(
        "How are the errors spread?", caption, "error_distribution",
        lambda: distribution_table(found, [run.id for run in models.runs]), command, image="card_distribution",
    )  # fmt: skip
    if not found.n.any():
        st.markdown(":gray[The filters leave no molecule.]")
        return
    with st.container(horizontal=True, vertical_alignment="top", gap="small", wrap=False):
        marks = [models.mark(run) if len(models.runs) > 1 else "" for run in models.runs]
        sentence = distribution_sentence(marks, found.median.tolist(), found.p95.tolist(), view)
        st.markdown(unbroken(sentence), width="stretch")
        st.segmented_control(
            "Spread", list(_WAYS), format_func=_WAYS.__getitem__, required=True, label_visibility="collapsed",
            **kept("spread", list(_WAYS), "absolute"),
        )  # fmt: skip
    styles = tuple(models.styles[run.id] for run in models.runs)
    names = tuple(models.names[run.id] for run in models.runs)
    fig = _shares(found, names, styles, view.factor, view.unit, view.dark)
    show(fig, "error_distribution", "Share of molecules by error, and cumulative share, for each model")


def density_table(density: ResidualDensity) -> pl.DataFrame:
    """The cells with molecules: their edges and number, in the units inside."""
    y, x = np.nonzero(density.counts)
    return pl.DataFrame(
        {
            "target_from": density.x_edges[x], "target_to": density.x_edges[x + 1], "error_from": density.y_edges[y],
            "error_to": density.y_edges[y + 1], "molecules": density.counts[y, x],
        }
    )  # fmt: skip


def distribution_table(found: ErrorDistribution, ids: list[str]) -> pl.DataFrame:
    """One row a bin, and for every run the molecules in it and the share up to its end; in the unit inside."""
    columns = {"error_from": found.edges[:-1], "error_to": found.edges[1:]}
    for k, run_id in enumerate(ids):
        columns |= {run_id: found.counts[k], f"{run_id} cumulative": found.cumulative[k][1:]}
    return pl.DataFrame(columns)
