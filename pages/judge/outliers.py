"""Why is this molecule wrong? The held-out molecules of one run in 3D, nine to a page, and one of them in full."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import streamlit as st

from core.data.selection import Selection
from core.data.store import Dataset
from core.errors import MollensError
from core.figures.molecule_errors import drawn_recipes, has_epochs
from core.figures.numbers import number
from core.judge.held_out import HeldOut
from core.judge.inspect.evidence import Evidence, evidence_on
from core.judge.inspect.outliers import OutlierPage
from pages.common.appearance import plain
from pages.common.candidates import candidates
from pages.common.filters import read_selection, selection_query, show_bar
from pages.common.furniture import card, empty, page_head
from pages.common.guard import guard
from pages.common.judged import Bench, part_of
from pages.common.pickers import pick_dataset
from pages.judge.outlier_parts.around import show_around
from pages.judge.outlier_parts.gallery import page_number, show_gallery, show_pages
from pages.judge.outlier_parts.gallery_asked import Asked, inspected, show_molecule
from pages.judge.outlier_parts.gallery_controls import pick_order, pick_other, pick_run
from pages.judge.outlier_parts.gallery_export import export_list
from pages.judge.outlier_parts.gallery_order import PER_PAGE, Listing, listing_of
from pages.judge.outlier_parts.gallery_summary import show_summary
from pages.judge.outlier_parts.molecule import show_view
from pages.judge.outlier_parts.molecule_facts import show_epochs, show_facts, show_runs
from pages.judge.outlier_parts.neighbours import show_neighbours
from pages.judge.parts.controls import run_from_address, tell_unready
from pages.judge.parts.waiting import nothing_yet, tell_unknown, tell_waiting

PAGE = "pages/judge/outliers.py"
TITLE = "Which molecules are predicted worst, and why?"
_FILTERED = "_outliers_filtered"
_ID = re.compile(r"[0-9]{1,18}")


def show_page() -> None:
    """The whole page."""
    asked_run = run_from_address()
    dataset = pick_dataset()
    found = candidates(dataset.name)
    if not found.ready:
        page_head(TITLE, f"{plain(dataset.card.title)} · {plain(dataset.card.level_of_theory)}")
        nothing_yet(dataset, found, PAGE)
        return
    head = st.container(gap="xxsmall")
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls")
    run = pick_run(row, found.ready, asked_run)
    tell_unready(asked_run, dataset, found.ready)
    other = pick_other(row, dataset, found.ready, run)
    try:
        bench = Bench(dataset, [run], part_of([run], dataset.name))
        source = bench.held_out(run)
        beside, complete = inspected(dataset, run, found.ready, other)
    except MollensError as error:
        with head:
            page_head(TITLE)
        st.error(plain(error), icon=":material/error:")
        st.page_link("pages/train/runs.py", label="To the runs", icon=":material/arrow_forward:")
        return
    order = pick_order(row)
    picked = read_selection(dataset, "outliers")
    _begin_anew(picked.selection)
    group = next((each.group for each in beside.runs if other is not None and each.run.id == other.id), None)
    asked = Asked(source, beside, picked.selection, bench.mask(picked.selection), order, group, complete)
    with head:
        page_head(TITLE, _contract(dataset, bench, source))
    asked, listing = _listing(asked)
    molecule = _molecule(asked)
    page = listing.page(PER_PAGE, PER_PAGE * (page_number(listing, molecule) - 1))
    show_bar(dataset, picked.selection, 0, partial(_counts, asked, page, len(picked.rows)))
    tell_unknown(bench)
    _molecules(asked, listing, page, molecule)
    if molecule is not None:
        _one(asked, listing, molecule)
    elif listing.total:
        show_summary(asked, listing, page)
    show_around(asked, molecule)
    tell_waiting(found)


def _listing(asked: Asked) -> tuple[Asked, Listing]:
    """The molecules in the order that is asked for, or, told why, the worst."""
    try:
        return asked, listing_of(asked)
    except MollensError as error:
        st.warning(f"{plain(error)}. The worst molecules are shown.", icon=":material/info:")
        worst = replace(asked, order="worst")
        return worst, listing_of(worst)


def _contract(dataset: Dataset, bench: Bench, source: HeldOut) -> str:
    seen = "seen by this model in neither training nor validation"
    if bench.unknown:
        seen = "of which it is not known whether this model has seen them"
    elif source.part == "validation":
        seen = "never trained on, but they chose the checkpoint: this split has no test part"
    words = [plain(dataset.card.title), plain(source.target.label), plain(dataset.card.level_of_theory)]
    return " · ".join([*words, f"{number(len(source.ids))} **{source.part}** molecules, {seen}"])


def _counts(asked: Asked, page: OutlierPage, n_all: int) -> None:
    """The end of the filter bar: how many molecules are judged, and the way to all that pass the filters."""
    dataset, part = asked.dataset, asked.source.part
    if not asked.selection:
        st.caption(f"All **{number(page.n_held_out)}** {part} molecules", width="stretch")
        return
    st.caption(f"**{number(page.n_group)}** of {number(page.n_held_out)} {part} molecules", width="stretch")
    st.page_link(
        "pages/judge/errors.py",
        label="Their errors",
        icon=":material/arrow_back:",
        query_params={**selection_query(dataset, asked.selection), "run": asked.run.id},
    )
    st.page_link(
        "pages/explore/molecules.py",
        label=f"All {number(n_all)} in Molecules",
        icon=":material/arrow_forward:",
        icon_position="right",
        query_params=selection_query(dataset, asked.selection),
    )


def _begin_anew(selection: Selection) -> None:
    """Other filters begin with the first page."""
    now = tuple(selection.where())
    before = st.session_state.setdefault(_FILTERED, now)
    if before != now:
        st.session_state[_FILTERED] = now
        if "page" not in st.query_params:
            st.session_state["page"] = 1


def _molecule(asked: Asked) -> int | None:
    """The molecule that the address names; one that is not there is told and forgotten."""
    text = st.query_params.get("molecule")
    if text is None:
        return None
    known = int(text) if _ID.fullmatch(text) else None
    try:
        if known is not None and asked.bench.first.place[asked.bench.row_of(known)] >= 0:
            return known
        why = "has not been predicted by this model" if known is not None else "is no number of a molecule"
        why = f"molecule {text[:40]}: {why}"
    except MollensError as error:
        why = str(error)
    st.warning(f"{plain(why)}. The gallery is shown.", icon=":material/info:")
    show_molecule(None)
    return None


def _molecules(asked: Asked, listing: Listing, page: OutlierPage, molecule: int | None) -> None:
    """The gallery or the strip, and the way through its pages."""
    if not listing.total:
        if molecule is None:
            text = f"No {asked.source.part} molecule fits: {plain(asked.label)}, {listing.words}."
            query = {"dataset": asked.dataset.name, "run": asked.run.id}
            empty(text, "no_molecule", PAGE, "All molecules", query)
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        first, last = page.table["rank"][0], page.table["rank"][-1]
        hint = "click one, or go with the arrow keys and Enter" if molecule is None else "error in "
        hint += "" if molecule is None else f"{asked.unit()[1]} and in spreads of its size"
        st.markdown(
            f"**{number(first)} to {number(last)}** :gray[of {number(listing.total)} · {hint}]", width="stretch"
        )
        show_pages(listing)
        export_list(asked, listing, page)
        if molecule is not None:
            st.button("Gallery", icon=":material/grid_view:", key="to_gallery", on_click=show_molecule, args=(None,))
    show_gallery(asked, listing, page, molecule)


def _one(asked: Asked, listing: Listing, molecule: int) -> None:
    """Everything about one molecule."""
    found: Evidence = evidence_on(asked.bench, asked.bench.row_of(molecule))
    grid = st.grid(2, min_column_width=420, gap="small")
    with grid.cell():
        with card("view"):
            show_view(asked, listing, found.errors)
        if drawn_recipes(found.errors):
            with card("runs", height="stretch"):
                show_runs(asked, found.errors)
    with grid.cell(), card("facts", height="stretch"):
        show_facts(asked, found)
    if has_epochs(found.errors):
        with card("over_epochs"):
            show_epochs(asked, found.errors)
    with card("neighbours"):
        show_neighbours(asked, found.errors)


with guard("pages/train/runs.py", "To the runs"):
    show_page()
