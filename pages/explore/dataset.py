"""Dataset: what it holds, how it was computed, and under which terms it may be used."""

from typing import Any

import polars as pl
import streamlit as st

from core.data.properties import PROPERTIES
from core.data.store import Dataset
from core.data.summary import count_by_size, describe, molecules_by_element, size_element_counts
from core.figures.dataset import element_sentence, element_shares, size_element_map, size_histogram, size_sentence
from core.figures.numbers import number, unit_text
from core.figures.theme import colours
from pages.common.appearance import dark, plain
from pages.common.furniture import Fact, card, card_head, facts, page_head, scale_strip, show
from pages.common.guard import guard
from pages.common.pickers import pick_dataset

MOLECULES = "pages/explore/molecules.py"


def show_page() -> None:
    """The whole page."""
    dataset = pick_dataset()
    info = dataset.card
    page_head(plain(info.title), plain(info.description))
    symbols = dataset.molecules.symbols
    facts(
        [
            Fact("Molecules", number(info.n_molecules)),
            Fact("Atoms", number(info.n_atoms)),
            Fact("Mean size", number(info.n_atoms / info.n_molecules, 1), "atoms"),
            Fact("Elements", " ".join(symbols)),
            Fact("Properties", number(len(info.properties))),
            Fact("Level of theory", info.level_of_theory),
            Fact("Licence", info.license or "not stated"),
        ]
    )
    grid = st.grid(3, min_column_width=300, gap="small")
    with grid.cell(column_span=2), card("sizes", height="stretch"):
        show_sizes(dataset)
    with grid.cell(), card("elements", height="stretch"):
        show_elements(dataset)
    with card("cells"):
        show_cells(dataset)
    grid = st.grid(2, min_column_width=420, gap="small")
    with grid.cell(), card("properties", height="stretch"):
        show_properties(dataset)
    with grid.cell(), card("origin", height="stretch"):
        show_origin(dataset)


def command(dataset: Dataset) -> str:
    """The command line behind the numbers of this page."""
    return f"python -m core describe {dataset.name} --json"


def show_sizes(dataset: Dataset) -> None:
    """Histogram of sizes; a bar leads to its molecules."""
    sizes, counts = count_by_size(dataset.molecules)
    table = pl.DataFrame({"atoms": sizes, "molecules": counts})
    card_head(
        "How large are the molecules?",
        "Molecules by number of atoms, hydrogens included · orange: below 1 % of all · click a bar for its molecules",
        "sizes",
        table,
        command(dataset),
    )
    st.markdown(size_sentence(sizes, counts))
    fig = size_histogram(sizes, counts, dark())
    clicked = show(fig, "fig_sizes", f"Number of molecules by size: {sizes[0]} to {sizes[-1]} atoms", clickable=True)
    open_molecules(dataset, [{"size": str(point["x"])} for point in clicked])


def show_elements(dataset: Dataset) -> None:
    """Share of molecules with each element; a bar leads to its molecules."""
    counts = molecules_by_element(dataset.molecules)
    total = dataset.molecules.n_molecules
    table = pl.DataFrame({"element": list(counts), "molecules": list(counts.values())})
    card_head(
        "Which elements?", "Molecules that contain the element · click a bar", "elements", table, command(dataset)
    )
    st.markdown(element_sentence(counts, total))
    fig = element_shares(counts, total, dark())
    clicked = show(fig, "fig_elements", f"Share of molecules that contain {', '.join(counts)}", clickable=True)
    open_molecules(dataset, [{"element": str(point["customdata"][0])} for point in clicked])


def show_cells(dataset: Dataset) -> None:
    """Size against element; a cell leads to its molecules."""
    sizes, symbols, counts = size_element_counts(dataset.molecules)
    table = pl.DataFrame({"atoms": sizes, **{symbol: counts[i] for i, symbol in enumerate(symbols)}})
    card_head(
        "Where do size and element meet?",
        "Molecules of each size that contain the element, log scale · empty: none · click a cell for its molecules",
        "size_and_element",
        table,
    )
    fig = size_element_map(sizes, symbols, counts, dark(), height=64 + 34 * len(symbols))
    with st.container(key="wide_cells"):
        clicked = show(fig, "fig_cells", "Number of molecules by size and element", clickable=True)
    scale_strip(colours(dark()).count_ramp, "1", f"{number(int(counts.max()))} molecules")
    open_molecules(
        dataset, [{"size": str(point["customdata"][0]), "element": str(point["customdata"][1])} for point in clicked]
    )


def open_molecules(dataset: Dataset, filters: list[dict[str, str]]) -> None:
    """Go to the molecules of the clicked mark, if there is one."""
    if filters:
        st.switch_page(MOLECULES, query_params={"dataset": dataset.name, **filters[0]})


def show_properties(dataset: Dataset) -> None:
    """The labels of the dataset with their units."""
    info = dataset.card
    missing = describe(dataset)["missing"]
    table = pl.DataFrame(
        {
            "Property": [p.label for p in info.properties],
            "Unit": [unit_text(p.unit) for p in info.properties],
            "Key": [p.key for p in info.properties],
            "Target": [bool(PROPERTIES[p.key].output) if p.key in PROPERTIES else False for p in info.properties],
            "Missing": [int(missing.get(p.key, 0)) for p in info.properties],
        }
    )
    target = next((p.label for p in info.properties if p.key == info.default_target), None)
    card_head(
        "What is known of each molecule?",
        f"Default target: **{plain(target)}**" if target else "No default target",
        "properties",
        table,
    )
    st.dataframe(
        table,
        hide_index=True,
        height=min(36 * (len(table) + 1) + 2, 360),
        column_config={
            "Property": st.column_config.TextColumn(width=175),
            "Unit": st.column_config.TextColumn(width=75),
            "Key": st.column_config.TextColumn(width=140, help="Name in files and on the command line"),
            "Target": st.column_config.CheckboxColumn(width=55, help="Whether a model can be trained on it"),
            "Missing": st.column_config.NumberColumn(width=62, format="localized", help="Molecules without a value"),
        },
    )


def show_origin(dataset: Dataset) -> None:
    """Level of theory, licence, citation, defects and source."""
    info = dataset.card
    card_head("Where does it come from?", "What the dataset's card says", "origin")
    rows = [
        ("Level of theory", info.level_of_theory),
        ("Licence", info.license or "not stated"),
        ("Please cite", info.citation or "not stated"),
        *((f"Known defect: {name}", words(value)) for name, value in info.known_defects.items()),
        ("Source", ", ".join(f"{key} {words(value)}" for key, value in info.source.items()) or "not stated"),
        ("Checksum", f"sha256 {info.sha256[:16]}…"),
    ]
    for label, value in rows:
        st.markdown(f":gray[:small[{plain(label)}]]  \n{plain(value)}")


def words(value: Any) -> str:
    """A value of the card as text; a mapping as its pairs."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {words(item)}" for key, item in value.items())
    if isinstance(value, list):
        return f"{number(len(value))} entries" if len(value) > 8 else ", ".join(words(item) for item in value)
    return str(value)


with guard():
    show_page()
