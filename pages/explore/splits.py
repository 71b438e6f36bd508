"""Splits: how the dataset is divided, whether the parts are alike, and a new division before it is saved."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core.data.drift import find_drift, without_target
from core.data.split_methods import METHODS, in_words
from core.data.splits import DEFAULT, Split, list_splits, open_split
from core.data.store import Dataset
from core.errors import MollensError
from core.figures.numbers import number
from pages.common.appearance import plain
from pages.common.furniture import card, facts, note, page_head
from pages.common.guard import guard
from pages.common.pickers import pick_dataset
from pages.common.rows import Row, RowGroup, pick_row
from pages.explore.parts.split_figures import part_facts, show_parts
from pages.explore.parts.split_form import just_saved, split_form

NEW_RUN = "pages/train/new_run.py"


@dataclass(frozen=True)
class Listed:
    """One line of the list; a damaged split has an error in place of its parts."""

    name: str
    split: Split | None
    error: str = ""


def show_page() -> None:
    """The whole page."""
    dataset = pick_dataset()
    actions = page_head(
        "Splits", f"of {plain(dataset.card.title)} · which molecules are trained on, and which are held out"
    )
    making = "new" in st.query_params
    listed = [look(dataset, name) for name in list_splits(dataset)]
    with actions:
        if making:
            st.button("Back to the splits", icon=":material/arrow_back:", on_click=leave_form)
        else:
            st.button("New split", icon=":material/add:", type="primary", on_click=open_form)
    if making:
        left, right = st.container(key="split_making").columns([330, 850], gap="medium")
        with left:
            made = split_form(dataset)
        with right:
            show_preview(dataset, made)
        return
    left, right = st.container(key="split_splits").columns([272, 880], gap="medium")
    chosen = chosen_split(listed)
    with left:
        group = RowGroup("Saved", tuple(row(each) for each in listed))
        picked = pick_row([group], chosen.name, "All splits", "splits", wrap=True)
    if picked is not None and picked != chosen.name:
        st.query_params["split"] = picked
        st.rerun()
    with right:
        show_split(dataset, chosen)


def look(dataset: Dataset, name: str) -> Listed:
    """A split of the list, opened."""
    try:
        return Listed(name, open_split(dataset, name))
    except MollensError as error:
        return Listed(name, None, str(error))


def chosen_split(listed: list[Listed]) -> Listed:
    """The split that the address names; the default one if it names none or one that is gone."""
    wanted = st.query_params.get("split", DEFAULT)
    found = next((each for each in listed if each.name == wanted), None)
    if found is None:
        st.warning(f"There is no split {plain(wanted)}; {DEFAULT} is shown.", icon=":material/info:")
    return found or listed[0]


def row(each: Listed) -> Row:
    """A split in the list."""
    if each.split is None:
        return Row(each.name, each.name, "damaged")
    split = each.split
    parts = " / ".join(number(len(part)) for part in (split.train, split.validation, split.test))
    return Row(each.name, each.name, f"{in_words(split.method, split.parameters)} · {parts}")


def open_form() -> None:
    """Begin a new split."""
    st.query_params["new"] = next(iter(METHODS))


def leave_form() -> None:
    """Go back to the list."""
    del st.query_params["new"]


def show_split(dataset: Dataset, chosen: Listed) -> None:
    """A saved split."""
    saved = just_saved()
    if saved:
        note(saved, "saved")
    split = chosen.split
    if split is None:
        note(f"**Damaged.** {plain(chosen.error)}", "damaged", "failed")
        return
    with card("split_head", gap="small"):
        with st.container(horizontal=True, vertical_alignment="top", gap="small", wrap=False):
            with st.container(gap=None, width="stretch", key="head_split"):
                st.subheader(plain(split.name), anchor=False)
                st.caption(
                    f"{plain(in_words(split.method, split.parameters))} · seed {split.seed} · hash {split.hash[:12]}"
                )
            st.page_link(
                NEW_RUN,
                label="Train on this split",
                icon=":material/play_arrow:",
                query_params={"dataset": dataset.name, "split": split.name},
            )
        facts(part_facts(find_drift(dataset, split), without_target(dataset, split)))
    show_parts(dataset, split, f"python -m core splits {dataset.name} --json")


def show_preview(dataset: Dataset, made: Split | MollensError) -> None:
    """What a new split would be."""
    if isinstance(made, MollensError):
        note("The figures appear here when the division is possible.", "preview")
        return
    with card("split_head", gap="small"):
        st.caption("As it would be · nothing is saved yet")
        facts(part_facts(find_drift(dataset, made), without_target(dataset, made)))
    show_parts(dataset, made)


with guard():
    show_page()
