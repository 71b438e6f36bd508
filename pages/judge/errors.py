"""Where are the models wrong? Errors of the chosen models by size, by element and over the epochs."""

from __future__ import annotations

import streamlit as st

from core.figures.numbers import number
from pages.common.appearance import plain
from pages.common.furniture import empty, page_head
from pages.common.guard import guard
from pages.common.judged import Bench, candidates, nothing_shared, part_of, sound
from pages.common.pickers import pick_dataset
from pages.common.selection import chosen_group
from pages.judge.parts import curves, figures, groups
from pages.judge.parts.controls import choose, numbers_of, pick_runs, run_from_address, tell_unready
from pages.judge.parts.waiting import nothing_yet, tell_waiting

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
    above = st.container(key="controls_above")
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls")
    picked = pick_runs(above, row, dataset, found, asked)
    tell_unready(asked, dataset, found.ready)
    bench, faults = sound(Bench(dataset, picked, part_of(picked) if picked else "test"))
    with head:
        page_head(TITLE, "" if nothing_shared(bench) else _contract(bench))
    for fault in [*faults, *nothing_shared(bench)]:
        st.warning(plain(fault), icon=":material/warning:")
    tell_waiting(found)
    if not bench.runs or nothing_shared(bench):
        empty("Pick one or more models above to see where they are wrong.", key="no_model")
        return
    models = choose(row, bench)
    numbers_of(models)
    figures.size_and_element(models, chosen_group())
    figures.selected_group(models, chosen_group())
    figures.two_heatmaps(models, chosen_group())
    curves.over_epochs(models, chosen_group())
    groups.table_and_counts(models)


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
    elif bench.same_split:
        names = plain(bench.runs[0].split_name)
        words.append(
            f"test molecules of the {names} split: {n}, seen by none of these models in training or validation"
        )
    else:
        words.append(f"{n} test molecules that these models share, seen by none of them in training or validation")
    return " · ".join(words)


with guard("pages/train/runs.py", "To the runs"):
    show_page()
