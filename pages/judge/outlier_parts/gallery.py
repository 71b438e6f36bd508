"""Nine molecules in 3D, large as a gallery or small as a strip above one of them, and the pages of them."""

from __future__ import annotations

import math
import re
from functools import partial
from typing import Any

import streamlit as st

from core.figures.numbers import formula, number, significant, unit_text
from core.judge.inspect.outliers import OutlierPage
from pages.common.viewer import GalleryItem, molecule_gallery
from pages.explore.parts.molecule_shown import picture_of
from pages.judge.outlier_parts.gallery_asked import Asked, show_molecule
from pages.judge.outlier_parts.gallery_order import PER_PAGE, Listing

_PAGE = re.compile(r"[0-9]{1,9}")


def page_number(listing: Listing, molecule: int | None) -> int:
    """The page asked for, or the last one where there are fewer; its number goes back into the address.

    Where no page is asked for, that of the molecule.
    """
    asked = st.session_state.get("page", st.query_params.get("page"))
    place = listing.place_of(molecule) if asked is None and molecule is not None else None
    wanted = 1 if asked is None or not _PAGE.fullmatch(str(asked)) else int(asked)
    if place is not None:
        wanted = place // PER_PAGE + 1
    last = max(1, math.ceil(listing.total / PER_PAGE))
    number_of_page = min(max(wanted, 1), last)
    if str(number_of_page) != str(1 if asked is None else asked):
        st.session_state["page"] = number_of_page
        if "page" in st.query_params:
            st.query_params["page"] = str(number_of_page)
    return number_of_page


def to_first_page() -> None:
    """For controls that change the order: begin anew."""
    st.session_state["page"] = 1


def show_pages(listing: Listing) -> None:
    """The picker of the page."""
    n_pages = math.ceil(listing.total / PER_PAGE)
    if n_pages > 1:
        st.pagination(n_pages, max_visible_pages=5, key="page", bind="query-params")


def show_gallery(asked: Asked, listing: Listing, page: OutlierPage, molecule: int | None) -> None:
    """The molecules of a page; with one of them chosen they are a strip of thumbnails."""
    factor, unit = asked.unit()
    strip = molecule is not None
    make = partial(_small, asked) if strip else partial(_large, asked, listing)
    items = [make(entry, factor, unit) for entry in page.table.iter_rows(named=True)]
    layout: dict[str, Any] = {"columns": "auto-fill", "smallest": "max(230px, 31%)", "height": 168}
    if strip:
        layout = {"columns": PER_PAGE, "smallest": 104, "height": 76}
    clicked = molecule_gallery(
        asked.dataset.molecules, items, key="outliers", selected=str(molecule) if strip else None, **layout
    )
    if clicked is not None and clicked != str(molecule):
        show_molecule(clicked)
        st.rerun()


def error_text(value: float, factor: float) -> str:
    """A signed error with as many digits as its size is worth: −855, +7.4, −0.03."""
    shown = value * factor
    return number(shown, 0 if abs(shown) >= 10 else 1 if abs(shown) >= 1 else 2, sign=True)


def _small(asked: Asked, entry: dict[str, Any], factor: float, unit: str) -> GalleryItem:
    times = entry["times_spread"]
    return GalleryItem(
        id=str(entry["id"]),
        row=entry["row"],
        title=error_text(entry["error"], factor),
        right="" if times is None else f"{significant(times, 2)} ×",
        flat=picture_of(asked.dataset, entry["row"], 150, 76),
    )


def _large(asked: Asked, listing: Listing, entry: dict[str, Any], factor: float, unit: str) -> GalleryItem:
    """One molecule with what must be known of it."""
    times, target_unit = entry["times_spread"], unit_text(asked.source.target.unit)
    remark = listing.remark(entry, factor, unit)
    return GalleryItem(
        id=str(entry["id"]),
        row=entry["row"],
        title=f"{error_text(entry['error'], factor)} {unit}",
        right="" if times is None else f"{significant(times, 2)} × the spread of its size",
        lines=(
            f"{formula(entry['formula'])} · {entry['size']} atoms · id {entry['id']}",
            entry["smiles"] or "no SMILES",
            f"target {number(entry['target'], 3)} {target_unit}",
            f"predicted {number(entry['predicted'], 3)} {target_unit}",
            remark or f"{ordinal(entry['size_rank'])} of {number(entry['n_size'])} with {entry['size']} atoms",
        ),
        flat=picture_of(asked.dataset, entry["row"], 260, 168),
    )


def ordinal(rank: int) -> str:
    """A place from the worst: worst, 2nd worst, 23rd worst."""
    if rank == 1:
        return "worst"
    ending = "th" if 10 <= rank % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{number(rank)}{ending} worst"
