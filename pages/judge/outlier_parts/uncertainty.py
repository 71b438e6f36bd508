"""Can the error be told without a label? The spread between seeds and the distance to training, against the error."""

from __future__ import annotations

from functools import lru_cache

import streamlit as st

from core.errors import MollensError
from core.figures.numbers import number
from core.figures.uncertainty import Panel, tenths_figure, uncertainty_sentence
from core.judge.inspect.bench import Bench
from core.judge.inspect.tenths import place_in_size, tenths_table
from core.judge.inspect.uncertainty import Uncertainties, uncertainties_on
from pages.common.appearance import dark, plain, unbroken
from pages.common.furniture import card, card_head, show
from pages.common.models import style_of
from pages.judge.outlier_parts.gallery_asked import Asked
from pages.judge.outlier_parts.inside_task import why_never

TITLE = "Can the error be told without a label?"


def show_uncertainty(asked: Asked, molecule: int | None) -> None:
    """The card of spread and distance; the place of `molecule`, where it has one, is marked."""
    with card("uncertainty", gap="xxsmall"):
        _uncertainty(asked, molecule)


def _uncertainty(asked: Asked, molecule: int | None) -> None:
    run, style = asked.run, style_of(asked.run.id)
    try:
        told = _uncertainties(asked.bench)
    except MollensError as error:
        card_head(TITLE, "", "uncertainty")
        st.caption(plain(error))
        return
    seeds = f"the mean of {told.n_seeds} seeds" if told.n_seeds > 1 else "this run"
    caption = (
        f":{style.markdown}[{style.glyph}] {plain(asked.bench.recipes[0])} · error of {seeds}, {asked.source.part} "
        "molecules in tenths of their size, because large ones lie far and are predicted worse anyway "
        "· bars: 95 % intervals · distance: of standardised features, as a percentile"
    )
    there = f" --dataset {asked.dataset.name}" if asked.dataset.name != run.dataset_name else ""
    command = f"python -m core uncertainty {run.id}{there} --json"
    card_head(TITLE, caption, "uncertainty", lambda: tenths_table(told), command, image="card_uncertainty")
    for each in told.found:
        st.markdown(unbroken(uncertainty_sentence(each)))
    for text in told.missing:
        st.caption(_missing(text, asked))
    if not told.found:
        return
    sizes = asked.dataset.molecules.sizes
    shares = [None if molecule is None else place_in_size(each, molecule, sizes) for each in told.found]
    panels = [Panel(each, share) for each, share in zip(told.found, shares, strict=True)]
    n = number(max(each.within_sizes.n for each in told.found))
    show(tenths_figure(panels, style, dark()), "uncertainty", f"Error by tenths of {n} molecules within their size")
    if any(share is not None for share in shares):
        st.caption(f"▲ id {molecule} among the molecules of its size.")


def _missing(text: str, asked: Asked) -> str:
    """A sentence on what is missing; the button that looks inside stands at the map."""
    if "look-inside" not in text:
        return plain(text)
    return why_never(asked.run) or "Distances are not computed yet: look inside the network, above."


@lru_cache(maxsize=8)
def _uncertainties(bench: Bench) -> Uncertainties:
    return uncertainties_on(bench)
