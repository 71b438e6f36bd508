"""What would help? How much was trained on like the chosen molecules, and runs that would weigh or sample it more."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import polars as pl
import streamlit as st

from core.data.search import index_ready
from core.errors import MollensError
from core.figures.numbers import number, percent
from core.figures.training_counts import MOST_BARS, RARE, training_counts
from core.judge.inspect.bench import Bench
from core.judge.inspect.what_helps import Suggestion, WhatHelps, what_helps
from pages.common.appearance import dark, plain, unbroken
from pages.common.furniture import Fact, card, card_head, facts, show
from pages.judge.outlier_parts.gallery_asked import Asked
from pages.judge.outlier_parts.inside_task import why_never
from pages.judge.outlier_parts.map import where_options

TITLE = "What would help?"


def show_help(asked: Asked, molecule: int | None) -> None:
    """The card for one molecule or, without one, for what the filters leave."""
    with card("help", gap="xsmall"):
        rows, whose = _chosen(asked, molecule)
        if not len(rows):
            card_head(TITLE, "", "help")
            st.caption(
                "Choose a molecule, drag over a region of the map or set a filter: what was trained on like it is then "
                "counted here, and a run that weighs or samples it more can be started."
            )
            return
        try:
            found = _what_helps(asked.bench, rows.tobytes(), index_ready(asked.dataset))
        except MollensError as error:
            card_head(TITLE, "", "help")
            st.caption(plain(error))
            return
        _help(asked, found, whose, molecule)


def _chosen(asked: Asked, molecule: int | None) -> tuple[np.ndarray, str]:
    """Rows of what is asked about, and its name."""
    if molecule is not None:
        return np.array([asked.bench.row_of(molecule)], dtype=np.int64), f"id {molecule}"
    if asked.within is None:
        return np.zeros(0, dtype=np.int64), ""
    rows = asked.source.rows[asked.within[asked.source.rows]].astype(np.int64)
    return rows, f"{number(len(rows))} {asked.source.part} molecules: {plain(asked.label)}"


def _help(asked: Asked, found: WhatHelps, whose: str, molecule: int | None) -> None:
    where = f" --where id={molecule}" if molecule is not None else where_options(asked.selection)
    where += f" --dataset {asked.dataset.name}" if asked.dataset.name != asked.run.dataset_name else ""
    command = f"python -m core what-helps {asked.run.id}{where} --json"
    caption = (
        f"{whose} · the training molecules of {plain(asked.run.name)} · hollow: below {percent(RARE)} of them · a new "
        "run opens filled in, nothing starts by itself"
    )
    card_head(TITLE, caption, "help", lambda: _table(found), command, image="card_help" if found.counts else "")
    if found.n_train:
        facts(_facts(found))
    grid = st.grid(2, min_column_width=430, gap="medium")
    if found.counts:
        with grid, st.container(gap="xxsmall"):
            fig = training_counts(found.counts, found.n_train, found.n_chosen, dark())
            show(fig, "training_counts", f"Training molecules of {min(len(found.counts), MOST_BARS)} groups")
    with grid, st.container(gap="small"):
        for suggestion in found.suggestions:
            _suggestion(suggestion)
        for text in found.remarks:
            if "look-inside" not in text:
                st.caption(unbroken(plain(text)))
            elif not why_never(asked.run):
                st.caption("How near they lie is not computed yet: look inside the network, below.")


def _facts(found: WhatHelps) -> list[Fact]:
    rows = [Fact("Trained on", number(found.n_train), "molecules")]
    near = found.near
    if near is not None and len(near.counts):
        label = "Near it" if found.n_chosen == 1 else "Near each, median"
        value = number(float(np.median(near.counts)), 0)
        rows.append(Fact(label, value, "within the usual distance of two training molecules"))
        if found.n_chosen > 1:
            rows.append(Fact("With none near", percent(float((near.counts == 0).mean()))))
    rows.append(Fact("Like it" if found.n_chosen == 1 else "Like these", number(found.n_alike), found.alike))
    return rows


def _suggestion(suggestion: Suggestion) -> None:
    with st.container(gap="xxsmall", key=f"suggestion_{suggestion.key}"):
        st.markdown(unbroken(f"**{plain(suggestion.label)}**  \n{plain(suggestion.reason)}"))
        query = [(key, value) for key, values in suggestion.query.items() for value in values]
        st.page_link(
            "pages/train/new_run.py", label="New run, filled in", icon=":material/add_circle:", query_params=query
        )


def _table(found: WhatHelps) -> pl.DataFrame:
    rows = [(e.kind, e.name, e.n_chosen, e.n_train, e.share_train, e.where) for e in found.counts]
    columns = {
        "kind": pl.String, "name": pl.String, "chosen": pl.Int64, "training": pl.Int64, "share_training": pl.Float64,
        "where": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=columns, orient="row")


@lru_cache(maxsize=32)
def _what_helps(bench: Bench, rows: bytes, indexed: bool) -> WhatHelps:
    """Kept; counted anew once the index has found the functional groups."""
    return what_helps(bench, np.frombuffer(rows, dtype=np.int64))
