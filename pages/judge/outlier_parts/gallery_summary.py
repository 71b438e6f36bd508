"""Where the molecules of the gallery stand among all that are judged."""

from __future__ import annotations

from shlex import quote

import streamlit as st

from core.figures.numbers import number, percent, significant
from core.figures.outliers import error_histogram
from core.judge.inspect.outliers import OutlierPage
from pages.common.appearance import dark, plain
from pages.common.furniture import card, card_head, show
from pages.common.models import style_of
from pages.judge.outlier_parts.gallery_asked import Asked
from pages.judge.outlier_parts.gallery_order import Listing


def show_summary(asked: Asked, listing: Listing, page: OutlierPage) -> None:
    """A histogram of all errors with a mark for each molecule of the gallery."""
    factor, unit = asked.unit()
    source = asked.source
    label = plain(asked.label) if asked.selection else "all"
    with card("summary", gap="xxsmall"):
        whose = f"{number(page.n_group)} {source.part} molecules ({label})"
        above = f"marks: the molecules shown above, {listing.words}"
        caption = f"Predicted minus target in **{unit}** of {whose} · {above}"
        offset = int(page.table["rank"][0]) - 1 if len(page.table) else 0
        command = f"{list_command(asked)} --limit {page.table.height} --offset {offset} --json"
        card_head(
            "Where do they stand?", caption, "outliers", lambda: listing.page(listing.total).table, command,
            image="error_histogram",
        )  # fmt: skip
        st.markdown(_sentence(page, factor, unit))
        marks = page.table.select("error", "id").iter_rows()
        names = [f"{number(error * factor, 0, sign=True)} {unit}, id {identifier}" for error, identifier in marks]
        colour = style_of(source.run.id).colour
        fig = error_histogram(
            page.edges, page.counts, page.table["error"].to_list(), names, factor, unit, colour, dark()
        )
        show(fig, "error_histogram", f"Histogram of signed errors of {page.n_group} molecules")


def list_command(asked: Asked) -> str:
    """The command that prints the molecules in this order."""
    words = ["python -m core outliers", asked.run.id]
    words += [f"--where {quote(word)}" for word in asked.selection.where()]
    if asked.order != "worst":
        words.append(f"--order {quote(asked.order)}")
    if asked.order == "differ" and asked.other is not None:
        words += [f"--with {run.run.id}" for run in asked.bench.of_recipe(asked.other)]
    if asked.source.part != "test":
        words.append(f"--part {asked.source.part}")
    if asked.dataset.name != asked.run.dataset_name:
        words.append(f"--dataset {asked.dataset.name}")
    return " ".join(words)


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
