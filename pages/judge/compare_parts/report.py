"""The report: choose its sections, and take the one HTML file away."""

from __future__ import annotations

import shlex

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.figures.html_report import report_html
from core.figures.theme import model_style
from core.judge.comparing.compare import Comparison
from core.judge.reporting.report_content import SECTIONS, gather
from core.judge.reporting.report_hashes import comparison_options
from core.runs.folder import Run
from pages.common.appearance import dark
from pages.judge.compare_parts.sides import Pair

_PLACES = 8


def offer_report(place: DeltaGenerator, found: Comparison, two: Pair, ready: list[Run]) -> None:
    """The button at the title, with what goes into the report and the way to download it."""
    with place.popover("Report", icon=":material/description:", key="report"):
        st.markdown("**One HTML file** :gray[that opens anywhere, without a network]")
        chosen = st.pills(
            "Sections", list(SECTIONS), selection_mode="multi", format_func=SECTIONS.__getitem__,
            default=list(SECTIONS), key="report_sections", wrap=True,
        )  # fmt: skip
        sections = tuple(name for name in SECTIONS if name in chosen)
        st.download_button(
            "Download the report", lambda: report_bytes(found, two, ready, sections), "report.html", "text/html",
            icon=":material/download:", type="primary", on_click="ignore", disabled=not sections, key="report_download",
        )  # fmt: skip
        st.caption("Made when you click; that takes some seconds. The command that writes the same:")
        words = [found.a[0].id, found.b[0].id, *comparison_options(found)]
        words += [] if len(sections) == len(SECTIONS) else ["--sections", ",".join(sections)]
        st.code(f"python -m core write-report {shlex.join(words)} --to report.html", language="bash", wrap_lines=True)


def report_bytes(found: Comparison, two: Pair, ready: list[Run], sections: tuple[str, ...]) -> bytes:
    """The file, with names and colours of the page."""
    among = [run for run in ready if run.dataset_name == two.dataset.name]
    content = gather(found, sections, among)
    return report_html(content, two.names, (_place(two.style_a.colour, 0), _place(two.style_b.colour, 1))).encode()


def _place(colour: str, usual: int) -> int:
    """Which of the house's colours it is: the file is light, whatever the page."""
    return next((k for k in range(_PLACES) if model_style(k, dark()).colour == colour), usual)
