"""New run: a recipe, changed where wanted, what it will be trained on, and the start."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.common.appearance import plain
from pages.common.furniture import page_head
from pages.common.guard import guard
from pages.common.pickers import pick_dataset
from pages.train.parts.recipe_form import recipe_form
from pages.train.parts.recipe_list import recipe_list
from pages.train.parts.recipe_preview import previewed, show_preview
from pages.train.parts.recipe_state import Draft, arrive, changed_titles, read_draft, reset
from pages.train.parts.start_card import show_start

_CSS = (Path(__file__).parents[1] / "common" / "browser" / "new_run.css").read_text()


def show_page() -> None:
    """The whole page."""
    base = arrive()
    dataset = pick_dataset()
    actions = page_head("New run", f"on {plain(dataset.card.title)} · {plain(dataset.card.level_of_theory)}")
    st.html(f"<style>{_CSS}</style>")
    draft = read_draft(base, dataset)
    with actions.container(horizontal=True, vertical_alignment="center", gap="small", key="newrun_changes"):
        show_changes(draft)
    page = st.container(key="newrun")
    with page.container(key="newrun_recipes"):
        recipe_list(base)
    with page.container(key="newrun_form", gap="small"):
        recipe_form(draft, dataset)
    found = previewed(draft, dataset)
    with page.container(key="newrun_start"):
        show_start(draft, dataset, found)
    with page.container(key="newrun_preview", gap="small"):
        show_preview(found)


def show_changes(draft: Draft) -> None:
    """Which fields differ from the recipe or the run that the form started from, and the way back."""
    title = f"{'as run ' if draft.base.run else ''}**{plain(draft.base.title)}**"
    n = len(draft.changed)
    if not n and not draft.faults:
        st.caption(f"{title}, unchanged")
        return
    st.caption(f"{title} with {n} {'change' if n == 1 else 'changes'}{': ' if n else ''}{plain(changed_titles(draft))}")
    st.button("Reset", icon=":material/undo:", type="tertiary", on_click=reset)


with guard():
    show_page()
