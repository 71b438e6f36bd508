"""The list of recipes: sections that fold, in a box of its own that scrolls; the chosen one is always in sight."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.figures.theme import colours
from core.recipes.presets import presets
from pages.common.appearance import dark
from pages.train.parts.recipe_state import Base, choose_recipe

_BROWSER = Path(__file__).parents[2] / "common" / "browser"
_OPEN = 3
"""sections with at most so many recipes are open at first"""
_FROM_RUN = "from"

_recipes = st.components.v2.component(
    "mollens_recipes",
    html='<div class="recipes"></div>',
    css=(_BROWSER / "recipes.css").read_text(),
    js=(_BROWSER / "recipes.js").read_text(),
)


def recipe_list(base: Base) -> None:
    """Show the list; a click starts the form from another recipe."""
    groups: dict[str, list[dict[str, str]]] = {}
    if base.run is not None:
        groups["From a run"] = [
            {
                "id": _FROM_RUN,
                "title": base.run.name,
                "below": f"as it was trained on {base.run.dataset_name}",
                "more": "",
            }
        ]
    for preset in presets().values():
        groups.setdefault(preset.section, []).append(
            {"id": preset.name, "title": preset.title, "below": preset.description, "more": preset.note}
        )
    c = colours(dark())
    _recipes(
        data={
            "groups": [{"name": name, "rows": rows} for name, rows in groups.items()],
            "selected": _FROM_RUN if base.run is not None else base.recipe.preset,
            "open": [name for name, rows in groups.items() if len(rows) <= _OPEN],
            "label": "Recipes",
            "colours": {"page": c.page, "ink": c.ink, "muted": c.muted, "hover": c.hover, "line": c.axis},
        },
        key="recipes",
        on_picked_change=_pick,
    )


def _pick() -> None:
    picked = getattr(st.session_state["recipes"], "picked", None)
    if picked is not None and picked != _FROM_RUN:
        choose_recipe(str(picked))
