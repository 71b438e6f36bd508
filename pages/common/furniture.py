"""Page furniture: title, cards with their tools, fact strips, tinted sentences, empty states, figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.figures.theme import Figure, colours
from pages.common.appearance import dark, safe
from pages.common.picture import PICTURE_CONFIG, picture_button

_CSS = (Path(__file__).parent / "browser" / "furniture.css").read_text()


@dataclass(frozen=True)
class Fact:
    """One number of a fact strip."""

    label: str
    value: str
    unit: str = ""


@dataclass(frozen=True)
class Step:
    """One station of a strip that shows a way in steps."""

    label: str
    value: str
    lines: tuple[str, ...] = ()
    on: bool = False
    """marked, because it differs from the usual"""


def style() -> None:
    """Put the stylesheet of the house on the page, with the colours of the reader's appearance."""
    c = colours(dark())
    roles = (
        "page",
        "ink",
        "muted",
        "faint",
        "line",
        "axis",
        "hover",
        "notice_ground",
        "failed_ground",
        "worse",
        "failed",
    )
    variables = "".join(f"--mo-{role.replace('_', '-')}:{getattr(c, role)};" for role in roles)
    st.html(f"<style>:root{{{variables}}}\n{_CSS}</style>")


def page_head(title: str, caption: str = "") -> DeltaGenerator:
    """Begin a page: stylesheet, title and caption (Markdown).

    Returns:
        The container at the right end of the title's row, for actions.
    """
    style()
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="pagehead")
    left = row.container(gap="xxsmall", width="stretch")
    left.title(title, anchor=False)
    if caption:
        left.caption(caption)
    return row.container(horizontal=True, horizontal_alignment="right", width="content", key="pagehead_actions")


def card(key: str, height: Literal["content", "stretch"] = "content", gap: str = "xsmall") -> DeltaGenerator:
    """A card: a hairline around what is written into it. `key` is unique on the page."""
    return st.container(border=True, key=f"card_{key}", height=height, gap=gap)


def card_head(
    title: str,
    caption: str = "",
    key: str = "",
    table: pl.DataFrame | Callable[[], pl.DataFrame] | None = None,
    command: str = "",
    image: str | Mapping[str, str] = "",
) -> None:
    """The head of a card: title, caption (Markdown) and, where there are numbers, the tools for them.

    Args:
        key: unique on the page; also the name of the files.
        table: the numbers behind the figure, or what makes them when they are asked for.
        command: the command line that prints them.
        image: what to offer as SVG and PNG: key of a figure, or of a container (a card) whose figures become one
            picture; or several keys, each with the title above its figure (plain text, empty for none).
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"head_{key}", wrap=False):
        with st.container(gap=None, width="stretch", key=f"headtext_{key}"):
            st.subheader(title, anchor=False)
        if table is not None or command or image:
            with st.container(horizontal=True, gap=None, key=f"tools_{key}", width="content", wrap=False):
                if image:
                    picture_button(image, key, title, command)
                if table is not None:
                    _csv_button(table, key)
                if command:
                    with st.popover(
                        "",
                        type="tertiary",
                        key=f"command_{key}",
                        icon=":material/terminal:",
                        help="The command that prints it",
                    ):
                        st.code(command, language="bash", wrap_lines=True)
    if caption:
        st.caption(caption)


def _csv_button(table: pl.DataFrame | Callable[[], pl.DataFrame], key: str) -> None:
    def content() -> bytes:
        return (table() if callable(table) else table).write_csv().encode()

    st.download_button(
        "",
        content,
        f"{key}.csv",
        "text/csv",
        type="tertiary",
        key=f"csv_{key}",
        icon=":material/table_view:",
        help="The numbers as CSV",
        on_click="ignore",
    )


def facts(rows: Sequence[Fact], columns: bool = False) -> None:
    """A strip of numbers, each under its label; in equal columns where there are many."""
    cells = "".join(
        f"<div><span>{safe(fact.label)}</span><b>{safe(fact.value)}{_unit(fact)}</b></div>" for fact in rows
    )
    st.html(f'<div class="mo-facts{" mo-columns" if columns else ""}">{cells}</div>')


def _unit(fact: Fact) -> str:
    return f" <i>{safe(fact.unit)}</i>" if fact.unit else ""


def steps(rows: Sequence[Step]) -> None:
    """A strip of stations, e.g. the way of the data into a run."""
    cells = "".join(
        f'<div class="{"on" if step.on else ""}"><span>{safe(step.label)}</span><b>{safe(step.value)}</b>'
        f"<em>{'<br>'.join(safe(line) for line in step.lines)}</em></div>"
        for step in rows
    )
    st.html(f'<div class="mo-steps">{cells}</div>')


def note(text: str, key: str, kind: Literal["plain", "notice", "failed"] = "plain") -> None:
    """A sentence (Markdown) on a faint ground: plain, provisional or failed."""
    with st.container(key=f"note_{kind}_{key}"):
        st.markdown(text)


def scale_strip(ramp: Sequence[str], low: str, high: str, remark: str = "") -> None:
    """A colour scale with the words at its ends and a remark at the right."""
    ground = f"linear-gradient(90deg,{','.join(ramp)})"
    st.html(
        f'<div class="mo-scale"><span>{safe(low)}</span><i style="background:{ground}"></i><span>{safe(high)}</span>'
        f"<em>{safe(remark)}</em></div>"
    )


def progress(share: float, left: str, left_muted: str, right: str = "", right_muted: str = "") -> None:
    """A progress bar with a line of words above it."""
    st.html(
        f'<div class="mo-between"><span><b>{safe(left)}</b> <em>{safe(left_muted)}</em></span>'
        f"<span><b>{safe(right)}</b> <em>{safe(right_muted)}</em></span></div>"
        f'<div class="mo-bar"><i style="width:{100 * min(max(share, 0.0), 1.0):.1f}%"></i></div>'
    )


def empty(sentence: str, key: str, page: str = "", label: str = "", query: dict[str, str] | None = None) -> None:
    """What stands where nothing is known yet: a sentence (Markdown) and one action."""
    with st.container(key=f"empty_{key}", horizontal_alignment="center", gap="small"):
        st.markdown(sentence, text_alignment="center")
        if page:
            st.page_link(page, label=label, icon=":material/arrow_forward:", query_params=query)


def show(
    fig: Figure,
    key: str,
    alt: str,
    clickable: bool = False,
    on_click: Callable[..., None] | None = None,
    args: tuple[Any, ...] = (),
    drag: bool = False,
) -> list[dict[str, Any]]:
    """Show a figure of the house.

    Args:
        alt: what it shows, in a sentence, for readers who cannot see it.
        clickable: let a click on a mark rerun the page.
        on_click: called with `args` before that rerun, once for each click; `st.session_state[key]` holds the marks.
        drag: let a drag pick marks too; the figure has been prepared by `core.figures.picking.let_pick`.

    Returns:
        The marks that are selected, as plotly describes them; empty if none or not clickable.
    """
    config = {**PICTURE_CONFIG, "doubleClick": False}
    if not clickable:
        st.plotly_chart(fig, key=key, theme=None, config=config, alt=alt)
        return []
    answer: Any = partial(on_click, *args) if on_click else "rerun"
    event = st.plotly_chart(
        fig,
        key=key,
        theme=None,
        config=config,
        alt=alt,
        on_select=answer,
        selection_mode=("points", "box") if drag else "points",
    )
    return list(event.selection.points)


def picked_points(key: str) -> list[dict[str, Any]]:
    """The marks that were just clicked or dragged over in the figure `key`; for its `on_click`."""
    state: Any = st.session_state.get(key)
    return list(state["selection"]["points"]) if state else []
