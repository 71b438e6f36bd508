"""Which molecules are predicted worst? The held-out molecules of one run in 3D, nine to a page."""

from __future__ import annotations

import math
import re
from typing import Any

import streamlit as st

from core.data.store import Dataset
from core.errors import MollensError
from core.figures.numbers import formula, number, percent, shown_unit, significant, unit_text
from core.figures.outliers import error_histogram
from core.judge.groups import Group, parse_group
from core.judge.held_out import HeldOut
from core.judge.outliers import ORDERS, OutlierPage, page_of
from core.runs.folder import Run
from pages.common.appearance import dark, plain
from pages.common.furniture import card, card_head, empty, page_head, show
from pages.common.guard import guard
from pages.common.judged import Bench, candidates, display_names, part_of
from pages.common.models import style_of
from pages.common.pickers import pick_dataset
from pages.common.selection import ALL, group_query
from pages.common.viewer import GalleryItem, molecule_gallery
from pages.judge.parts.controls import run_from_address, tell_unready
from pages.judge.parts.waiting import nothing_yet, tell_waiting

TITLE = "Which molecules are predicted worst?"
PER_PAGE = 9
_PAGE = re.compile(r"[0-9]{1,9}")


def show_page() -> None:
    """The whole page."""
    asked = run_from_address()
    dataset = pick_dataset()
    found = candidates(dataset.name)
    if not found.ready:
        page_head(TITLE, f"{plain(dataset.card.title)} · {plain(dataset.card.level_of_theory)}")
        nothing_yet(dataset, found, "pages/judge/outliers.py")
        return
    head = st.container(gap="xxsmall")
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls")
    run = _pick_run(row, found.ready, asked)
    tell_unready(asked, dataset, found.ready)
    try:
        bench = Bench(dataset, [run], part_of([run]))
        source = bench.held_out(run)
    except MollensError as error:
        with head:
            page_head(TITLE)
        st.error(plain(error), icon=":material/error:")
        st.page_link("pages/train/runs.py", label="To the runs", icon=":material/arrow_forward:")
        return
    order = row.segmented_control(
        "Order", list(ORDERS), default="worst", key="order", required=True,
        bind="query-params", on_change=_to_first_page,
    )  # fmt: skip
    group = _pick_group(row, source)
    with head:
        page_head(TITLE, _contract(dataset, source))
    tell_waiting(found)
    page = _page(source, group, str(order))
    if page.total == 0:
        name = group.label if group else "all molecules"
        text = f"No {source.part} molecule fits: {plain(name)}, {ORDERS[str(order)]}."
        empty(text, "no_molecule", "pages/judge/outliers.py", "All molecules", {"dataset": dataset.name, "run": run.id})
        return
    _summary(page, source, group, str(order))
    _gallery(page, source, dataset)


def _contract(dataset: Dataset, source: HeldOut) -> str:
    seen = "seen by this model in neither training nor validation"
    if source.part == "validation":
        seen = "never trained on, but they chose the checkpoint: this split has no test part"
    words = [plain(dataset.card.title), plain(source.target.label), plain(dataset.card.level_of_theory)]
    return " · ".join([*words, f"{number(len(source.ids))} **{source.part}** molecules, {seen}"])


def _pick_run(row: Any, runs: list[Run], asked: Run | None) -> Run:
    names, by_id = display_names(runs), {run.id: run for run in runs}
    if "outlier_run" not in st.session_state or st.session_state["outlier_run"] not in by_id:
        first = next((run.id for run in runs if run.recipe_values.get("model") != "composition"), runs[0].id)
        st.session_state["outlier_run"] = asked.id if asked is not None and asked.id in by_id else first
    run_id = row.selectbox(
        "Model",
        list(by_id),
        format_func=lambda run_id: names[run_id],
        key="outlier_run",
        width="stretch",
        on_change=_to_first_page,
    )
    if st.query_params.get("run") != run_id:
        st.query_params["run"] = run_id
    return by_id[run_id]


def _pick_group(row: Any, source: HeldOut) -> Group | None:
    """Size and element to stay within; both stand in the address."""
    sizes = [ALL, *(str(size) for size in sorted({int(s) for s in source.sizes}))]
    asked = st.query_params.get("size")
    if asked is not None and asked not in sizes:
        try:
            parse_group(asked, None)
            sizes.insert(1, asked)
        except MollensError as error:
            st.warning(plain(error), icon=":material/info:")
    keep: dict[str, Any] = {"bind": "query-params", "on_change": _to_first_page, "width": 118}
    size = row.selectbox("Size, atoms", sizes, key="size", **keep)
    element = row.selectbox("Contains", [ALL, *source.dataset.molecules.symbols], key="element", **keep)
    return parse_group(None if size == ALL else size, None if element == ALL else element)


def _to_first_page() -> None:
    st.session_state["page"] = 1


def _page(source: HeldOut, group: Group | None, order: str) -> OutlierPage:
    """The page asked for, or the last one where there are fewer; its number goes back into the address."""
    asked = st.session_state.get("page", st.query_params.get("page", 1))
    first = page_of(source, group, order, PER_PAGE)
    wanted = int(asked) if _PAGE.fullmatch(str(asked)) else 1
    place = min(max(wanted, 1), max(1, math.ceil(first.total / PER_PAGE)))
    if str(place) != str(asked):
        st.session_state["page"] = place
        if "page" in st.query_params:
            st.query_params["page"] = str(place)
    return first if place == 1 else page_of(source, group, order, PER_PAGE, PER_PAGE * (place - 1))


def _summary(page: OutlierPage, source: HeldOut, group: Group | None, order: str) -> None:
    """Where the shown molecules stand among all, and the pages."""
    factor, unit = _unit(page, source)
    label = plain(group.label) if group else "all"
    with card("summary", gap="xxsmall"):
        whose = f"{number(page.n_group)} {source.part} molecules ({label})"
        caption = (
            f"Predicted minus target in **{unit}** of {whose} · marks: the molecules shown below · {ORDERS[order]}"
        )
        size, element = (group_query(group).get(key) for key in ("size", "element"))
        options = "".join(f" --{key} {value}" for key, value in (("size", size), ("element", element)) if value)
        options += f' --order "{order}"' if order != "worst" else ""
        offset = int(page.table["rank"][0]) - 1 if len(page.table) else 0
        command = f"python -m core outliers {source.run.id}{options} --limit {PER_PAGE} --offset {offset} --json"
        every = page_of(source, group, order, page.total)
        card_head("Where do they stand?", caption, "outliers", lambda: every.table, command)
        st.markdown(_sentence(page, factor, unit))
        marks = page.table.select("error", "id").iter_rows()
        names = [f"{number(error * factor, 0, sign=True)} {unit}, id {identifier}" for error, identifier in marks]
        colour = style_of(source.run.id).colour
        fig = error_histogram(
            page.edges, page.counts, page.table["error"].to_list(), names, factor, unit, colour, dark()
        )
        show(fig, "error_histogram", f"Histogram of signed errors of {page.n_group} molecules")


def _sentence(page: OutlierPage, factor: float, unit: str) -> str:
    times = significant(page.largest / page.mae, 2)
    text = (
        f"Of all {number(page.n_held_out)} molecules the largest error is {significant(page.largest * factor)} {unit}, "
        f"{times} × their mean absolute error ({significant(page.mae * factor)} {unit})."
    )
    if page.tail_share is not None:
        share = percent(page.tail_share)
        text += f" The worst 1 % of these {number(page.n_group)} carry {share} of their summed error."
    return text


def _unit(page: OutlierPage, source: HeldOut) -> tuple[float, str]:
    factor, unit = shown_unit(source.target.unit, page.mae)
    return factor, unit_text(unit)


def _gallery(page: OutlierPage, source: HeldOut, dataset: Dataset) -> None:
    """Nine molecules in 3D; a click leads to the molecule."""
    n_pages = math.ceil(page.total / PER_PAGE)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        first, last = page.table["rank"][0], page.table["rank"][-1]
        st.markdown(
            f"**{number(first)} to {number(last)}** :gray[of {number(page.total)} · click a molecule to see all of it]",
            width="stretch",
        )
        if n_pages > 1:
            st.pagination(n_pages, max_visible_pages=7, key="page", bind="query-params")
    factor, unit = _unit(page, source)
    items = [_item(molecule, source, factor, unit) for molecule in page.table.iter_rows(named=True)]
    clicked = molecule_gallery(
        dataset.molecules, items, key="outliers", columns="auto-fill", smallest="max(230px, 31%)", height=168
    )
    if clicked is not None:
        st.switch_page("pages/explore/molecules.py", query_params={"dataset": dataset.name, "molecule": clicked})


def _item(molecule: dict[str, Any], source: HeldOut, factor: float, unit: str) -> GalleryItem:
    """One molecule with what must be known of it."""
    error = number(molecule["error"] * factor, 0 if abs(molecule["error"] * factor) >= 10 else 2, sign=True)
    times = molecule["times_size_mae"]
    target_unit = unit_text(source.target.unit)
    return GalleryItem(
        id=str(molecule["id"]),
        row=molecule["row"],
        title=f"{error} {unit}",
        right="" if times is None else f"{significant(times, 2)} × the mean of its size",
        lines=(
            f"{formula(molecule['formula'])} · {molecule['size']} atoms · id {molecule['id']}",
            molecule["smiles"] or "no SMILES",
            f"target {number(molecule['target'], 3)} {target_unit}",
            f"predicted {number(molecule['predicted'], 3)} {target_unit}",
            f"{_ordinal(molecule['size_rank'])} of {number(molecule['n_size'])} with {molecule['size']} atoms",
        ),
    )


def _ordinal(rank: int) -> str:
    if rank == 1:
        return "worst"
    ending = "th" if 10 <= rank % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{number(rank)}{ending} worst"


with guard("pages/train/runs.py", "To the runs"):
    show_page()
