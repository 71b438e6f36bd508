"""Where are the models wrong? Errors of the chosen models by any group, over the epochs, and as they are spread."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st

from core.data.selection import Selection
from core.figures.numbers import number
from pages.common.appearance import plain
from pages.common.candidates import candidates
from pages.common.filters import read_selection, set_selection, show_bar
from pages.common.furniture import empty, page_head
from pages.common.guard import guard
from pages.common.judged import Bench, nothing_shared, part_of, sound
from pages.common.pickers import pick_dataset
from pages.judge.parts.controls import choose, models_of, pick_runs, run_from_address, tell_unready
from pages.judge.parts.curves import learning, over_epochs
from pages.judge.parts.detail import in_detail
from pages.judge.parts.figures import main_figures
from pages.judge.parts.groups import groups_table, worst_and_counts
from pages.judge.parts.numbers import filtered_counts, number_cards, selected_group
from pages.judge.parts.spread import spread
from pages.judge.parts.waiting import nothing_yet, tell_unknown, tell_waiting

TITLE = "Where are the models wrong?"


def show_page() -> None:
    """The whole page."""
    asked = run_from_address()
    dataset = pick_dataset()
    found = candidates(dataset.name)
    if not found.ready:
        page_head(TITLE, f"{plain(dataset.card.title)} · {plain(dataset.card.level_of_theory)}")
        nothing_yet(dataset, found, "pages/judge/errors.py")
        return
    head = st.container(gap="xxsmall")
    above = st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls_above")
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls")
    second = st.container(gap="xxsmall", key="controls_below")
    picked = pick_runs(above, dataset, found, asked)
    tell_unready(asked, dataset, found.ready)
    bench, faults = sound(Bench(dataset, picked, part_of(picked, dataset.name) if picked else "test"))
    with head:
        page_head(TITLE, "" if nothing_shared(bench) else _contract(bench))
    for fault in [*faults, *nothing_shared(bench)]:
        st.warning(plain(fault), icon=":material/warning:")
    if not bench.runs or nothing_shared(bench):
        tell_waiting(found)
        empty("Pick one or more models above to see where they are wrong.", key="no_model")
        return
    bench = replace(bench, within=read_selection(dataset, "errors").selection)
    models = models_of(bench, choose(row, second, bench))
    show_bar(dataset, bench.within, 0, partial(filtered_counts, models))
    tell_unknown(bench)
    tell_waiting(found)
    if models.bench.overall(bench.runs[0], models.per, None, models.relative)["n_held_out"] == 0:
        empty(f"The filters leave none of the {bench.part} molecules.", key="nothing_left")
        with st.container(horizontal=True, horizontal_alignment="center"):
            st.button(
                "Clear all filters", icon=":material/filter_alt_off:", on_click=set_selection, args=(Selection(),)
            )
        return
    number_cards(models)
    main_figures(models)
    selected_group(models)
    in_detail(models)
    over_epochs(models)
    learning(models, found.ready)
    spread(models)
    worst_and_counts(models)
    groups_table(models)


def _contract(bench: Bench) -> str:
    """Which molecules, seen by whom: the line under the title."""
    card = bench.dataset.card
    words = [plain(card.title), plain(card.level_of_theory)]
    if not bench.runs:
        return " · ".join(words)
    source = bench.held_out(bench.runs[0])
    words.insert(1, plain(source.target.label))
    n = number(len(source.ids))
    if bench.part == "validation":
        words.append(f"{n} **validation** molecules: this split has no test part, and they chose the checkpoint")
    elif bench.unknown:
        words.append(f"{n} molecules; what some of these models were trained on is not known")
    elif bench.same_split and bench.runs[0].dataset_name == bench.dataset.name:
        names = plain(bench.runs[0].split_name)
        words.append(
            f"test molecules of the {names} split: {n}, seen by none of these models in training or validation"
        )
    elif len(bench.runs) == 1:
        words.append(f"{n} molecules that this model has seen in neither training nor validation")
    else:
        words.append(f"{n} test molecules that these models share, seen by none of them in training or validation")
    return " · ".join(words)


with guard("pages/train/runs.py", "To the runs"):
    show_page()
