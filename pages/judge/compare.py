"""Which model is better, and where? Two runs, or two recipes with all their seeds, molecule by molecule."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.errors import MollensError
from core.figures.numbers import number
from core.figures.theme import colours
from core.judge.comparing.compare import Comparison
from core.runs.folder import Run
from pages.common.appearance import dark, plain
from pages.common.candidates import candidates
from pages.common.compared import compared
from pages.common.furniture import empty, page_head
from pages.common.guard import guard
from pages.common.pickers import pick_dataset
from pages.judge.compare_parts.controls import choose
from pages.judge.compare_parts.differences import differences
from pages.judge.compare_parts.heads import numbers_of, pick_pair, what_differs
from pages.judge.compare_parts.hypotheses import hypotheses
from pages.judge.compare_parts.learning import learning
from pages.judge.compare_parts.report import offer_report
from pages.judge.compare_parts.shown import Choice, shown
from pages.judge.compare_parts.sides import Pair, Side, offered, other_side
from pages.judge.compare_parts.table import table_of_runs
from pages.judge.compare_parts.verdict import verdict
from pages.judge.parts.waiting import nothing_yet, tell_waiting

TITLE = "Which model is better, and where?"
_CSS = (Path(__file__).parents[1] / "common" / "browser" / "compare.css").read_text()


def show_page() -> None:
    """The whole page."""
    dataset = pick_dataset()
    found = candidates(dataset.name)
    if len(found.ready) < 2:
        page_head(TITLE, f"{plain(dataset.card.title)} · {plain(dataset.card.level_of_theory)}")
        if not found.ready:
            nothing_yet(dataset, found, "pages/judge/compare.py")
            return
        one = found.ready[0]
        empty(
            f"Only {plain(one.name)} can be judged on {plain(dataset.name)} so far; a comparison needs two. Train "
            + ("another, or the same recipe with one change." if one.origin == "mollens" else "another."),
            "one_run", "pages/train/new_run.py", *_way_to_second(one, dataset.name),
        )  # fmt: skip
        tell_waiting(found)
        return
    with st.container(gap="xxsmall"):
        actions = page_head(TITLE, f"{plain(dataset.card.title)} · {plain(dataset.card.level_of_theory)}")
        paired = st.empty()
    st.html(f"<style>:root{{--mo-notice:{colours(dark()).notice}}}\n{_CSS}</style>")
    sides = offered(found.ready)
    grid = st.grid(2, min_column_width=430, gap="small")
    two, places = pick_pair(grid, dataset, sides)
    what_differs(grid, two)
    row = st.container()
    with row:
        choice = choose(dataset, two.a.first.target)
    result = _compare(two, choice, sides)
    if result is not None:
        paired.caption(_contract(result))
        offer_report(actions, result, two, found.ready)
        looks = shown(result, choice)
        numbers_of(places, result, looks)
        verdict(result, looks, two)
        differences(result, looks, two)
    table_of_runs(choice, two, found.ready, sides)
    if result is not None:
        learning(result, looks, two, found.ready)
        hypotheses(result, looks, two, found.ready)
    tell_waiting(found)


def _compare(two: Pair, choice: Choice, sides: dict[str, Side]) -> Comparison | None:
    """The comparison; where there can be none, say why and what to do."""
    if two.same:
        other = other_side(sides, two.a)
        empty(
            f"A and B are the same run: {plain(two.a.name)}. A comparison needs two.", "same_run",
            "pages/judge/compare.py", f"Compare it with {plain(other.label)}",
            {"dataset": two.dataset.name, "a": two.a.key, "b": other.key},
        )  # fmt: skip
        return None
    try:
        return compared(
            two.runs_a, two.runs_b, two.dataset, choice.by, choice.measure, choice.per, choice.margin, two.part
        )
    except MollensError as error:
        sentence = plain(str(error)[:1].upper() + str(error)[1:])
        if "damaged or missing" in sentence:
            empty(f"A and B cannot be compared. {sentence}.", "refused", "pages/train/runs.py", "To the runs")
            return None
        label, query = _way_on(two)
        empty(f"A and B cannot be compared. {sentence}.", "refused", "pages/train/new_run.py", label, query)
        return None


def _way_to_second(one: Run, dataset: str) -> tuple[str, dict[str, str]]:
    """Label and address of the run that makes a comparison possible: from the recipe of the first, if it has one."""
    if one.origin == "mollens":
        return "Start from this run", {"from": one.id}
    return "Start a run", {"dataset": dataset}


def _way_on(two: Pair) -> tuple[str, dict[str, str]]:
    """The run that would make a comparison possible: B once more, on A's target or A's split."""
    a, b = two.a.first, two.b.first
    if a.target != b.target:
        label = plain(two.dataset.property(a.target).label)
        return f"Train B on {label} too", {"from": b.id, "set": f"target={a.target}"}
    return "Train B on A's split", {"from": b.id, "split": a.split_name}


def _contract(found: Comparison) -> str:
    """Which molecules, seen by whom: the second line under the title."""
    label = plain(found.paired.target.label)
    names = {run.split_name for run in (*found.a, *found.b)}
    part = "test" if found.paired.part == "test" else "**validation**"
    of = f" of the {plain(names.pop())} split" if len(names) == 1 and not found.paired.unknown else ""
    seen = "that neither model has seen" if not found.paired.unknown else "of which it is not known who has seen them"
    return f"{label} · paired on {number(len(found.paired.ids))} {part} molecules{of} {seen}"


with guard("pages/train/runs.py", "To the runs"):
    show_page()
