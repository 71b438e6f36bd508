"""Error by group: the grouping that was chosen, large, and beside it elements, or sizes where elements are chosen."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core.figures.error_axes import MEASURE_NAMES
from core.figures.error_groups import kind_of, one_group, question
from core.figures.error_rows import Order, error_by_rows
from core.figures.error_sentences import groups_sentence, inside_sentence
from core.figures.errors import accuracy_drawn, error_by_number
from core.figures.numbers import in_sentence
from core.figures.sentences import element_sentence, rarity_sentence
from core.figures.theme import Figure
from core.judge.grouping.groupings import Grouping
from pages.common.appearance import plain, unbroken
from pages.common.furniture import card, card_head, show
from pages.common.selection import clickable, follow_mark
from pages.judge.parts.models import Models
from pages.judge.parts.numbers import what

HEIGHT = 372
_ORDERS: dict[str, Order] = {"element": "rare first", "functional_group": "worst first"}


def main_figures(models: Models) -> None:
    """Error by the chosen grouping, and by element or size."""
    beside = "size" if models.by == "element" else "element"
    grid = st.grid(3, min_column_width=300, gap="small")
    with grid.cell(column_span=2), card("groups", "stretch", gap="xxsmall"):
        _by_group(models)
    with grid.cell(), card("beside", "stretch", gap="xxsmall"):
        _beside(models, beside)


def click_on(fig: Figure, key: str, alt: str, models: Models, grouping: Grouping) -> None:
    """Show a figure whose marks are filters, where filters mean its groups."""
    # a new key for other filters: a mark that stays selected would not answer to a second click
    key = f"{key}_{abs(hash(tuple(models.selection.where())))}" if models.selection else key
    if clickable(grouping):
        show(fig, key, alt, clickable=True, on_click=partial(follow_mark, key, models.selection, grouping))
    else:
        show(fig, key, alt)


def _by_group(models: Models) -> None:
    by, dataset = models.by, models.bench.dataset
    axis, grouping, several = models.axis(by), models.grouping(by), models.of(by)
    card_head(
        question(by, dataset), _caption(models, by), "by_group", lambda: models.joined(by), models.commands(by),
        image="card_groups",
    )  # fmt: skip
    st.markdown(unbroken(_answer(models)))
    if not any(len(model.table) for model in several):
        st.markdown(":gray[No molecule belongs to any of these groups.]")
        return
    alt = f"Error of each model by {one_group(by, dataset)}"
    if axis.numeric:
        fig = error_by_number(several, axis, models.view, models.accuracy, models.chosen(by), HEIGHT)
    else:
        order = _ORDERS.get(kind_of(by), "as it is")
        fig = error_by_rows(several, axis, models.view, order, models.chosen(by), HEIGHT, training=True)
    click_on(fig, "errors_by_group", alt, models, grouping)


def _answer(models: Models) -> str:
    """The sentence that answers the figure's question, from its own tables."""
    by, view = models.by, models.view
    if models.silence:
        return models.silence
    kind = kind_of(by)
    if kind == "size":
        return rarity_sentence(models.told("rarity", models.within("size")), view)
    if kind == "rare":
        return rarity_sentence(models.told(by), view, int(by.partition(":")[2]))
    if kind == "where":
        return inside_sentence(models.told(by), view)
    if kind == "element":
        return element_sentence(models.told(by), view)
    return groups_sentence(models.told(by), models.axis(by).labels, view, one_group(by, models.bench.dataset))


def _caption(models: Models, by: str) -> str:
    view, bench = models.view, models.bench
    label = plain(in_sentence(bench.held_out(bench.runs[0]).target.label))
    words = [f"{what(models).replace(' in **', f' of {label} in **', 1)}, {models.part()} molecules"]
    if models.axis(by).numeric:
        band = "band: 95 % interval" + (", from 100 molecules on" if view.measure == "p95" else "")
        words += [] if view.measure == "max" else [band]
        words += ["hollow: 10 to 49 molecules", "faint dot: fewer than 10"]
    else:
        words += [] if view.measure == "max" else ["line: 95 % interval"]
        words += ["hollow: 10 to 49", "faint: fewer than 10", "dotted: all", "n: held out"]
    if view.measure == "max":
        words.append("a maximum has no interval and grows with n")
    if not bench.same_split:
        known = next((run for run in bench.runs if run not in bench.unknown), bench.runs[0])
        words.append(f"splits differ: training counts and baseline are those of {models.marked(known)}")
    if models.axis(by).numeric and accuracy_drawn(models.of(by), view, models.accuracy):
        words.append("1 kcal/mol: here against this dataset's labels, not experiment")
    if by.startswith("rare:") and len({run.n_trained for run in models.runs}) > 1:
        words.append(f"rare in the training of {models.marked(models.runs[0])}")
    if models.within(by) != models.selection:
        words.append("before its own filter")
    return " · ".join(words)


def _beside(models: Models, by: str) -> None:
    axis, grouping, several = models.axis(by), models.grouping(by), models.of(by)
    title = "And rare elements?" if by == "element" else "And rare sizes?"
    caption = "Molecules that contain it · line: 95 % interval · dotted: all · n: held out"
    if by == "size":
        caption = f"{MEASURE_NAMES[models.view.measure]} by number of atoms · bars: training molecules"
    own = " · before its own filter" if models.within(by) != models.selection else ""
    card_head(title, caption + own, "by_other", lambda: models.joined(by), models.commands(by), image="card_beside")
    if not models.silence:
        told = models.told("rarity", models.within("size")) if by == "size" else models.told("element")
        sentence = rarity_sentence(told, models.view) if by == "size" else element_sentence(told, models.view)
        st.markdown(unbroken(sentence))
    alt = f"Error of each model by {by}"
    if axis.numeric:
        fig = error_by_number(several, axis, models.view, models.accuracy, models.chosen(by), HEIGHT, narrow=True)
    else:
        fig = error_by_rows(several, axis, models.view, "rare first", models.chosen(by), HEIGHT)
    click_on(fig, "errors_by_other", alt, models, grouping)
