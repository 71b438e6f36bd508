"""Where one beats the other: the difference by size or any grouping, by element, and by size and element."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

import polars as pl
import streamlit as st

from core.errors import MollensError
from core.figures.comparison import difference_by_group, difference_by_size, difference_cells, in_a_row
from core.figures.numbers import number, percent
from core.figures.theme import Figure
from core.judge.comparing.compare import Comparison
from core.judge.comparing.verdicts import GroupVerdict
from core.judge.reporting.report_hashes import comparison_options
from core.judge.statistics.intervals import N_POINTS_ONLY
from pages.common.appearance import dark, plain
from pages.common.compared import compared, grouping_of
from pages.common.furniture import card, card_head, picked_points, show
from pages.judge.compare_parts.shown import Shown
from pages.judge.compare_parts.sides import Pair

_TITLES = {
    "main": "Where does one beat the other?",
    "element": "And by element?",
    "size": "And by size?",
    "cells": "Where do size and element meet?",
}
_GROUP = "group"
_HEIGHT = 372


@dataclass(frozen=True)
class Clicked:
    """The group that was clicked."""

    by: str
    name: str


def differences(found: Comparison, shown: Shown, two: Pair) -> None:
    """The figures, and the line on the group that was clicked."""
    clicked = clicked_group()
    beside = "element" if found.by != "element" else "size"
    grid = st.grid(3, min_column_width=300, gap="small")
    with grid.cell(column_span=2), card("by_group", "stretch", gap="xxsmall"):
        _figure(found, shown, two, clicked, "main")
    with grid.cell(), card("by_element", "stretch", gap="xxsmall"):
        _figure(_by(found, two, beside), shown, two, clicked, "beside")
    selected(found, shown, two, clicked)
    with card("cells", gap="xxsmall"):
        _figure(_by(found, two, "size_element"), shown, two, clicked, "cells")


def _by(found: Comparison, two: Pair, by: str) -> Comparison:
    """The same comparison by another grouping."""
    return compared(found.a, found.b, two.dataset, by, found.measure, found.per, found.margin, found.paired.part)


def _figure(found: Comparison, shown: Shown, two: Pair, clicked: Clicked | None, place: str) -> None:
    key = f"difference_{place}"
    unit = f"**{shown.unit}**"
    part = "test" if found.paired.part == "test" else "**validation**"
    measure = found.measure.upper()
    if place == "main":
        caption = (
            f"{measure} of B minus that of A in {unit}, {part} · simultaneous 95 % intervals · band: equal · grey: "
            "undecided · hollow: fewer than 50 · faint dot: fewer than 10"
        )
    elif place == "beside":
        what = "Molecules that contain it" if found.by == "element" else "Atoms in the molecule"
        caption = f"{what} · B minus A in {unit} · same rules"
    else:
        caption = f"{measure} of B minus that of A in {unit} · dot: fewer than 10 · blank: fewer than 3"
    title = _TITLES[found.by if place == "beside" else place]
    card_head(title, caption, key, lambda: table_of(found), command(found), image=key)
    name = clicked.name if clicked is not None and clicked.by == found.by else None
    fig = _draw(found, shown, two, name, place)
    alt = f"Error of B minus error of A by {found.by.replace('_', ' ')}"
    show(fig, key, alt, clickable=True, on_click=_click, args=(key, found.by))


def _draw(found: Comparison, shown: Shown, two: Pair, name: str | None, place: str) -> Figure:
    told: dict[str, Any] = {"selected": name}
    if place == "cells":
        draw = difference_cells
    else:
        told["height"] = _HEIGHT
        draw = difference_by_size if place == "main" and in_a_row(found) else difference_by_group
    return draw(found, two.names, two.styles, shown.factor, shown.unit, dark(), **told)


def clicked_group() -> Clicked | None:
    """The group that the address names as `group=size:17`."""
    by, colon, name = st.query_params.get(_GROUP, "").partition(":")
    return Clicked(by, name) if colon and name else None


def _click(key: str, by: str) -> None:
    """Choose the group of the mark that was clicked; a click on the chosen one clears it."""
    points = picked_points(key)
    data = points[-1].get("customdata") if points else None
    if data is None:
        return
    name = str(data[0] if isinstance(data, (list, tuple)) else data["0"] if isinstance(data, dict) else data)
    if clicked_group() == Clicked(by, name):
        st.query_params.pop(_GROUP, None)
    else:
        st.query_params[_GROUP] = f"{by}:{name}"


def _clear() -> None:
    st.query_params.pop(_GROUP, None)


def selected(found: Comparison, shown: Shown, two: Pair, clicked: Clicked | None) -> None:
    """What was clicked in numbers, and the way to its molecules and to the errors of both."""
    with st.container(key="note_plain_group", horizontal=True, vertical_alignment="center", gap="small"):
        group, query = _group(found, two, clicked)
        if group is None:
            told = ":gray[Click a mark or a cell to see that group in numbers, and its molecules.]"
            if clicked is not None:
                told = f":gray[No molecule that is compared belongs to {plain(clicked.name)}.]"
            st.markdown(told, width="stretch")
            return
        st.markdown(_words(group, shown, two, bool(found.warnings)), width="stretch")
        with st.container(
            horizontal=True, vertical_alignment="center", gap="small", width="content", key="group_links"
        ):
            _ways_on(found, group, query, two)


def _ways_on(found: Comparison, group: GroupVerdict, query: dict[str, str] | None, two: Pair) -> None:
    """Links to the molecules of the group and to the errors of both, and the button that clears the choice."""
    if query is not None:
        whose: dict[str, str] = {"dataset": two.dataset.name, "run": _worse(found, group).id}
        both = {"dataset": two.dataset.name, "models": f"{found.a[0].id},{found.b[0].id}"}
        for page, label, more in (
            ("pages/judge/outliers.py", "Show these molecules", whose),
            ("pages/judge/errors.py", "Errors of both", both),
        ):
            st.page_link(
                page,
                label=label,
                icon=":material/arrow_forward:",
                icon_position="right",
                query_params={**more, **query},
            )
    st.button("", icon=":material/close:", type="tertiary", help="Clear the choice", on_click=_clear)


def _group(found: Comparison, two: Pair, clicked: Clicked | None) -> tuple[GroupVerdict | None, dict[str, str] | None]:
    """The verdict on the clicked group, and it as parameters of an address where it is a filter."""
    if clicked is None:
        return None, None
    try:
        of = found if clicked.by == found.by else _by(found, two, clicked.by)
    except MollensError:
        return None, None
    group = next((each for each in of.groups if each.group == clicked.name), None)
    if group is None:
        return None, None
    grouping = grouping_of(two.dataset, clicked.by)
    selection = grouping.selections[grouping.names.index(clicked.name)]
    return group, None if selection is None else selection.query()


def _worse(found: Comparison, group: GroupVerdict) -> Any:
    """The run whose molecules are shown first: that with the larger error there."""
    return (found.b if (group.error_b or 0) > (group.error_a or 0) else found.a)[0]


def _words(group: GroupVerdict, shown: Shown, two: Pair, silent: bool) -> str:
    a, b = two.styles
    values = [
        f":{style.markdown}[{style.glyph}] **{shown.text(value)}**"
        for style, value in ((a, group.error_a), (b, group.error_b))
    ]
    limits = f" ({shown.text(group.low, True)} to {shown.text(group.high, True)})" if group.low is not None else ""
    counts = {group.n_train_a, group.n_train_b}
    in_training = " and ".join(number(n) for n in (sorted(counts) if len(counts) > 1 else counts))
    few = f", fewer than {N_POINTS_ONLY}: nothing can be said" if group.n_held_out < N_POINTS_ONLY else ""
    closer = f", B closer on {percent(group.improved)}" if group.improved is not None and not few else ""
    return (
        f"**{plain(group.label)}**&ensp;{'&ensp;'.join(values)} {shown.unit}&ensp;B \N{MINUS SIGN} A "
        f"**{shown.text(group.difference, True)}**{limits}{'' if silent else f': {_STATE[group.state]}'}&ensp;"
        f":gray[{number(group.n_held_out)} compared{few}{closer}; {in_training} in training]"
    )


_STATE = {
    "A better": "A is better",
    "B better": "B is better",
    "equal": "equal",
    "undecided": "undecided",
    "not enough data": "not enough data",
}


def table_of(found: Comparison) -> pl.DataFrame:
    """The numbers behind a figure, in the target's unit: all molecules first, then every group."""
    silent = {"state": None} if found.warnings else {}
    rows = [{**vars(each), **silent} for each in (found.whole, *found.groups)]
    return pl.DataFrame(rows, infer_schema_length=None)


def command(found: Comparison) -> str:
    """The command that prints them."""
    return f"python -m core compare {shlex.join([found.a[0].id, found.b[0].id, *comparison_options(found)])} --json"
