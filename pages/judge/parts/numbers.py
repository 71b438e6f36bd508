"""One number card for each model, which is also the legend of all figures; and what the filters leave."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.figures.error_axes import MEASURE_NAMES, View
from core.figures.filters import selection_text
from core.figures.numbers import number, significant
from core.figures.sentences import convergence_sentence, limits_text
from core.judge.convergence import convergence
from core.judge.statistics.intervals import N_POINTS_ONLY
from core.runs.folder import Run
from pages.common.appearance import plain
from pages.common.filters import selection_query
from pages.common.furniture import card
from pages.judge.parts.models import Models

_BADGES = {
    "converged": ":gray-badge[:material/check: converged]",
    "still falling": ":yellow-badge[still falling]",
    "rising": ":yellow-badge[rising]",
    "too short": ":gray-badge[too short to tell]",
}
_UNKNOWN = ":yellow-badge[split not known]"
MOST_TOLD = 4


def number_cards(models: Models) -> None:
    """One card a model: its error with interval, against the baseline, and whether it has converged."""
    runs, view = models.runs, models.view
    grid = st.grid(min(4, max(2, len(runs))), min_column_width=250 if len(runs) > 3 else 280, gap="small")
    target_unit = models.bench.held_out(runs[0]).target.unit
    unknown = {run.id for run in models.bench.unknown}
    wholes = models.bench.tables("all", models.per, None, models.relative)
    for place, (run, table) in enumerate(zip(runs, wholes, strict=True)):
        overall = table.row(0, named=True)
        state = convergence(run)
        with grid, card(f"model_{place}", gap="xxsmall"):
            with st.container(horizontal=True, vertical_alignment="center", wrap=False, gap="small"):
                st.markdown(f"{models.marked(run)}&ensp;:gray[:small[{_about(run, models)}]]", width="stretch")
                if run.id in unknown:
                    st.markdown(_UNKNOWN, width="content", help="What it was trained on is not known.")
                elif state.state in _BADGES:
                    st.markdown(_BADGES[state.state], width="content", help=convergence_sentence(state, target_unit))
            value = view.text(overall[view.measure])
            told = [limits_text(overall, view).replace(" to ", " – "), _beside(run, overall, models)]
            rest = " · ".join(part for part in told if part)
            large = f"<span style='font-size:1.5rem;font-weight:650;letter-spacing:-.01em'>{value}</span>"
            st.markdown(f"{large} {view.unit}&ensp;:gray[:small[{rest}]]", unsafe_allow_html=True)


def _about(run: Run, models: Models) -> str:
    """What to know of a run beside its name: where it was trained, on how many molecules, a state before the end."""
    words = []
    if run.dataset_name != models.bench.dataset.name:
        words.append(f"trained on {plain(run.dataset_name)}")
    counts = {r.id: r.n_trained for r in models.runs}
    if len(set(counts.values())) > 1 and counts[run.id]:
        words.append(f"{number(counts[run.id])} in training")
    status = run.status()
    if status.state != "finished":
        words.append(status.state)
    return " · ".join(words)


def _beside(run: Run, overall: dict[str, Any], models: Models) -> str:
    """What stands beside the large number: with filters the number of all molecules, else the baseline."""
    view = models.view
    if models.selection:
        whole = models.bench.overall(run, models.per, type(models.selection)(), models.relative)
        return f"all molecules {view.text(whole[view.measure])}"
    return _beside_baseline(overall, view, brief=len(models.runs) > 2)


def _beside_baseline(overall: dict[str, Any], view: View, brief: bool = False) -> str:
    """The error of the linear fit of the composition; how many times that is, only where it leaves the interval.

    brief: for narrow cards, without the baseline's error where the ratio tells it
    """
    measure = view.measure
    baseline, value = overall.get(f"baseline_{measure}"), overall[measure]
    if view.relative or measure == "bias" or baseline is None:
        return "predicted minus target" if measure == "bias" else f"n = {number(overall['n_held_out'])}"
    text = f"baseline {view.text(baseline)} {view.unit}"
    low, high = overall[f"{measure}_low"], overall[f"{measure}_high"]
    if low is None or not value or not baseline or low <= baseline <= high:
        return text
    ratio = significant(max(baseline / value, value / baseline), 2)
    if brief and ratio != "1.0":
        return f"{ratio}× {'below' if value < baseline else 'above'} the baseline"
    return text if ratio == "1.0" else f"{ratio}× {'smaller' if value < baseline else 'larger'} than the {text}"


def filtered_counts(models: Models) -> None:
    """The end of the filter bar: how many molecules are judged, and the way to them."""
    dataset, first = models.bench.dataset, models.runs[0]
    n_all = len(models.bench.held_out(first).ids)
    row = models.bench.overall(first, models.per, None, models.relative)
    n = row["n_held_out"]
    unknown = len(models.bench.unknown) == len(models.runs)
    part = "" if unknown else "test " if models.bench.part == "test" else "validation "
    if models.selection:
        few = " · fewer than 10: nothing can be said" if 0 < n < N_POINTS_ONLY else ""
        trained = "" if first in models.bench.unknown else f" · {number(row['n_train'])} in training"
        text = f"**{number(n)}** of {number(n_all)} {part}molecules{trained}{few}"
    else:
        text = f"All **{number(n_all)}** {part}molecules · click a mark, cell, row or bar to filter by it"
    st.caption(text, width="stretch")
    if n:
        st.page_link(
            "pages/judge/outliers.py",
            label="Show these molecules" if models.selection else "Show the worst molecules",
            icon=":material/arrow_forward:",
            icon_position="right",
            query_params={**selection_query(dataset, models.selection), "run": focus_run(models).id},
        )


def focus_run(models: Models) -> Run:
    """The model that is shown in detail."""
    by_id = {run.id: run for run in models.runs}
    return by_id.get(st.query_params.get("focus") or "", models.runs[0])


def selected_group(models: Models) -> None:
    """Beside the figures, what the filters have chosen: its error for every model, and the way to its molecules."""
    if not models.selection:
        return
    view, runs = models.view, models.runs
    rows = [table.row(0, named=True) for table in models.bench.tables("all", models.per, None, models.relative)]
    told = [f"{models.mark(run)} {_value(row, view)}" for run, row in zip(runs[:MOST_TOLD], rows, strict=False)]
    more = f" &ensp;:gray[and {len(runs) - MOST_TOLD} more]" if len(runs) > MOST_TOLD else ""
    n = rows[0]["n_held_out"]
    n_train = {row["n_train"] for row in rows}
    in_training = " to ".join(number(count) for count in dict.fromkeys((min(n_train), max(n_train))))
    few = ", fewer than 10: points only, nothing can be said" if 0 < n < N_POINTS_ONLY else ""
    with st.container(key="note_plain_selected", horizontal=True, vertical_alignment="center", gap="small"):
        label = plain(selection_text(models.selection, models.bench.dataset))
        counts = f"{number(n)} held out{few}; {in_training} in training"
        st.markdown(f"**{label}** &ensp;{' &ensp;'.join(told)}{more} &ensp;:gray[{counts}]", width="stretch")
        if n:
            st.page_link(
                "pages/judge/outliers.py",
                label=f"{number(n)} {'molecule' if n == 1 else 'molecules'}",
                icon=":material/arrow_forward:",
                icon_position="right",
                query_params={
                    **selection_query(models.bench.dataset, models.selection), "run": focus_run(models).id,
                },
            )  # fmt: skip
        if len(runs) > 1:
            pair = {"dataset": models.bench.dataset.name, "a": runs[0].id, "b": runs[1].id}
            st.page_link(
                "pages/judge/compare.py",
                label="Which is better there?",
                icon=":material/arrow_forward:",
                icon_position="right",
                query_params={**pair, **_as_group(models)},
            )


def _as_group(models: Models) -> dict[str, str]:
    """The filters as a group of the page Compare; nothing where they are none of a size or an element."""
    for by in ("size", "element", "size_element"):
        grouping = models.bench.grouping(by)
        for name, meant in zip(grouping.names, grouping.selections, strict=True):
            if meant == models.selection:
                return {"group": f"{by}:{name}"}
    return {}


def _value(row: dict[str, Any], view: View) -> str:
    if row[view.measure] is None:
        return "—"
    limits = limits_text(row, view)
    return f"**{view.text(row[view.measure])}** {view.unit}{f' :gray[{limits}]' if limits else ''}"


def what(models: Models) -> str:
    """Measure and unit for a caption: "MAE in **meV**", or how a ratio is meant."""
    name = MEASURE_NAMES[models.view.measure]
    return f"{name} over that of the baseline" if models.view.relative else f"{name} in **{models.view.unit}**"
