"""The cards of A and B, which are the pickers and the legend, and what differs between their recipes."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.data.store import Dataset
from core.figures.numbers import number, short_count
from core.figures.theme import ModelStyle
from core.judge.comparing.compare import Comparison
from core.judge.comparing.training_facts import training_facts
from core.recipes.fields import field_rows
from core.runs.folder import Run
from pages.common.appearance import plain, safe
from pages.common.compared import errors_of_sides
from pages.common.furniture import card
from pages.judge.compare_parts.shown import Shown
from pages.judge.compare_parts.sides import Pair, Side, find_side, first_pair, keep, pair, set_side

NOT_THE_RECIPE = ("preset", "seed", "threads")
"""Fields that two runs of one recipe may differ in."""
_STATES = {
    "converged": ":gray-badge[:material/check: converged]",
    "still falling": ":yellow-badge[still falling]",
    "rising": ":yellow-badge[rising]",
    "too short": ":gray-badge[too short to tell]",
}


def pick_pair(grid: Any, dataset: Dataset, sides: dict[str, Side]) -> tuple[Pair, list[DeltaGenerator]]:
    """The two cards with their pickers; what is picked stands in the address as `a` and `b`.

    Returns:
        A and B, and in each card the place for its numbers.
    """
    for name in ("a", "b"):
        asked = st.query_params.get(name)
        if asked and find_side(sides, asked) is None:
            st.warning(f"There is no run {plain(asked)} that could be {name.upper()}.", icon=":material/info:")
            del st.query_params[name]
    keys = first_pair(sides, dataset.name)
    found = pair(dataset, sides[keys[0]], sides[keys[1]])
    keep(dataset.name, found.a, found.b)
    places = []
    with grid:
        inner = st.grid(2, min_column_width=180, gap="small", key="sides")
    for letter, side, style in (("A", found.a, found.style_a), ("B", found.b, found.style_b)):
        with inner, card(f"side_{letter.lower()}", "stretch", gap="xxsmall"):
            key = f"compare_{letter.lower()}"
            st.session_state[key] = side.key
            st.markdown(f"**{letter}** :{style.markdown}[{style.glyph}]")
            st.selectbox(
                letter, list(sides), format_func=lambda each: sides[each].label, key=key,
                label_visibility="collapsed", on_change=_picked, args=(letter.lower(), key),
            )  # fmt: skip
            places.append(st.container(gap="xxsmall"))
    return found, places


def _picked(name: str, key: str) -> None:
    set_side(name, st.session_state[key])


def numbers_of(places: list[DeltaGenerator], found: Comparison, shown: Shown) -> None:
    """The error of each side with its interval, or mean and range of its seeds."""
    measured = errors_of_sides(found)
    n_a = len(found.a)
    slices = (slice(0, n_a), slice(n_a, None))
    for place, runs, part, states in zip(
        places, (found.a, found.b), slices, (found.convergence_a, found.convergence_b), strict=True
    ):
        values, low, high = (each[part, 0] for each in (measured.value, measured.low, measured.high))
        if len(runs) > 1:
            told = f"{shown.text(values.min())} – {shown.text(values.max())}"
            words = [f"{found.measure.upper()}, mean and range of {len(runs)} seeds"]
        else:
            told = f"{shown.text(low[0])} – {shown.text(high[0])}" if np.isfinite(low[0]) else ""
            words = [f"{found.measure.upper()}, 95 % interval" if told else f"{found.measure.upper()}, no interval"]
        n = training_facts(runs[0]).parameters
        words += [f"{short_count(n)} parameters"] if n else []
        large = f"<span class='cmp-value'>{shown.text(float(values.mean()))}</span>"
        with place:
            st.markdown(f"{large} {shown.unit}&ensp;:gray[:small[{told}]]", unsafe_allow_html=True)
            badge = _STATES.get(states[0], "") if len(set(states)) == 1 else ":yellow-badge[some still falling]"
            st.markdown(f":gray[:small[{' · '.join(words)}]]&ensp;{badge}")


def what_differs(grid: Any, found: Pair) -> None:
    """A card with the fields of the recipe that differ, and what follows from them."""
    n_fields, rows = differing(found.a.first, found.b.first)
    with grid, card("differs", "stretch", gap="xxsmall"):
        few = f"{len(rows)} of {n_fields} fields" if rows else f"none of {n_fields} fields of the recipe"
        st.markdown(f"**What differs**&ensp;:gray[:small[{few}]]")
        rows += _consequences(found)
        if not rows:
            st.caption("They differ in nothing but their random start.")
            return
        body = "".join(
            f"<tr><td>{safe(title)}</td><td>{safe(one)}</td><td>{safe(other)}</td></tr>" for title, one, other in rows
        )
        st.html(
            f"<div class='cmp-differs'><table><thead><tr><th></th>{_head('A', found.style_a)}"
            f"{_head('B', found.style_b)}</tr></thead><tbody>{body}</tbody></table></div>"
        )


def _head(letter: str, style: ModelStyle) -> str:
    return f"<th><span style='color:{style.colour}'>{style.glyph}</span> {letter}</th>"


def differing(a: Run, b: Run) -> tuple[int, list[tuple[str, str, str]]]:
    """How many fields both recipes state, and title and both values of those that differ; a seed is no part of them.

    What a model from elsewhere does not state is not known: it has no defaults.
    """
    fields = [row for row in field_rows() if row["name"] not in NOT_THE_RECIPE]
    rows, n_stated = [], 0
    for row in fields:
        name = row["name"]
        if name in ("target", "split"):
            one, other = ((run.target if name == "target" else run.split_name) for run in (a, b))
            same = one == other if name == "target" else a.split_hash == b.split_hash
        else:
            one, other = (_stated(run, name, row["default"]) for run in (a, b))
            if one is None or other is None:
                continue
            same = one == other
        n_stated += 1
        if not same:
            rows.append((row["title"], value_text(one, row), value_text(other, row)))
    return n_stated, rows


def _stated(run: Run, name: str, default: Any) -> Any:
    """The value of a field; None where it is not known, as it may be of a model from elsewhere."""
    return run.recipe_values.get(name, default if run.origin == "mollens" else None)


def value_text(value: Any, row: dict[str, Any]) -> str:
    """The value of a field, a row of `field_rows`, as it is written, with its unit."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if value == 0 and row["name"] in ("min_atoms", "max_atoms", "most_per_size"):
            return "no limit"
        text = number(value) if isinstance(value, int) or value >= 1000 else f"{value:g}"
        unit = row["unit"].removesuffix("s") if value == 1 else row["unit"]
        return f"{text} {unit}".rstrip()
    return str(value).replace("_", " ")


def _consequences(found: Pair) -> list[tuple[str, str, str]]:
    """What follows from the recipes and is no field of them, where it differs."""
    sides = (found.a.first, found.b.first)
    status = [run.status() for run in sides]
    rows = [
        ("Training molecules", *(number(run.n_trained) if run.n_trained else "not known" for run in sides)),
        ("Optimiser steps", *(number(each.step) if each.step else "\N{EM DASH}" for each in status)),
    ]
    if len(found.runs_a) == len(found.runs_b) == 1:
        rows.append(("Seed", *(str(runs[0].seed) for runs in (found.runs_a, found.runs_b))))
    if sides[0].dataset_name != sides[1].dataset_name:
        rows.append(("Trained on", *(run.dataset_name for run in sides)))
    return [row for row in rows if row[1] != row[2]]
