"""Changes of a filter on the Dataset page at the size of QM9: the server's time for all charts; the first paint."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import ARCHIVE, median_seconds
from core.data.importers import import_file
from core.data.molecules import Molecules
from core.data.store import Dataset, open_dataset, save_dataset
from core.files import CHECKOUT

N = 133_885
CHANGES: tuple[dict[str, str], ...] = (
    {"size": "18"}, {"size": "12-17"}, {"element": "F"}, {"element": "N"}, {"element": "N,O", "size": "17"},
    {"without": "N"}, {"heavy": "9"}, {"heavy": "7-8", "element": "O"}, {"formula": "C7H10O2"}, {"range": "gap:5:8"},
    {"range": "gap:5:8,homo:-7:"}, {"range": "homo::-6.5", "size": "15-20"}, {"id": "1-20000"}, {"size": "3-9"},
    {"split": "default:test"}, {"split": "default:train", "element": "F"}, {"sound": "1"}, {"range": "lumo:0:"},
    {"sound": "1", "size": "19", "without": "O"}, {},
)  # fmt: skip


def measure() -> dict[str, Any]:
    """Milliseconds of the server for one change of a filter, each view in turn, and of the first paint in Chromium."""
    from core.data.defects import find_defects

    dataset = many_molecules()
    find_defects(dataset)
    figures: dict[str, Any] = {"dataset": f"{dataset.card.title}, {dataset.card.n_molecules:,} molecules"}
    figures["open, ms"] = round(1000 * median_seconds(lambda: open_dataset(dataset.name), 9), 1)
    for view in ("composition", "properties", "balance", "about"):
        taken = changes(dataset.name, view)
        figures[f"{view}, first visit, ms"] = round(taken[0])
        figures[f"{view}, change of filter, median ms"] = round(float(np.median(taken[1:])))
        figures[f"{view}, change of filter, 95th percentile ms"] = round(float(np.percentile(taken[1:], 95)))
    return figures | paint(dataset.name)


def many_molecules() -> Dataset:
    """The optional real molecules, or those of demo, repeated to the size of QM9 with ids of their own."""
    source = import_file(ARCHIVE, "qm9") if ARCHIVE.exists() else open_dataset("demo")
    few = source.molecules
    many = few.take(np.resize(np.arange(few.n_molecules), N))
    many = Molecules(
        many.numbers, many.positions, many.first_atom, np.arange(1, N + 1), many.columns, many.atom_columns, many.smiles
    )
    return save_dataset(many, source.card.model_copy(update={"name": "many", "title": "QM9 repeated"}))


def changes(name: str, view: str, rounds: int = 3) -> list[float]:
    """Milliseconds of the first visit of a view and of changes of its filters, in the process of the page."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(CHECKOUT / "app.py"), default_timeout=120).run()
    app.switch_page("pages/explore/dataset.py")
    app.query_params["dataset"], app.query_params["view"] = name, view
    taken = []
    for change in ({}, *CHANGES * rounds):
        for key in ("size", "element", "without", "heavy", "formula", "range", "id", "split", "sound"):
            if key in app.query_params:
                del app.query_params[key]
        for key, value in change.items():
            app.query_params[key] = value
        start = time.perf_counter()
        app.run()
        taken.append(1000 * (time.perf_counter() - start))
        assert not app.exception and not app.error
    return taken


def paint(name: str, times: int = 7) -> dict[str, Any]:
    """Milliseconds from a click on a link to what is seen in Chromium, each in a fresh window without a cache.

    Beside it a page of plain Streamlit with one bar chart of two bars: what the framework takes by itself.
    """
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        return {"first paint": "not measured: no Chromium"}
    from playwright.sync_api import sync_playwright

    charts = [f".st-key-{chart} .plot-container .main-svg" for chart in ("fig_sizes_", "fig_elements__", "fig_cells__")]
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.py"
        plain.write_text(PLAIN)
        pages = {"page": (CHECKOUT / "app.py", f"/dataset?dataset={name}", charts),
                 "plain Streamlit, one chart": (plain, "/", [".st-key-one .plot-container .main-svg"])}  # fmt: skip
        found: dict[str, Any] = {}
        with sync_playwright() as play:
            chromium = play.chromium.launch(
                executable_path=browser, args=["--no-sandbox", "--disable-quic", "--no-first-run"]
            )
            for label, (script, path, selectors) in pages.items():
                with _served(script) as address:
                    seen = [_visit(chromium, address + path, selectors) for _ in range(times + 2)][2:]
                first, all_charts = (round(float(np.median(column))) for column in zip(*seen, strict=True))
                found[f"{label}: title painted, median ms"] = first
                found[f"{label}: all charts drawn, median ms"] = all_charts
            chromium.close()
    return found


PLAIN = """
import plotly.graph_objects as go
import streamlit as st

st.title("Plain")
st.plotly_chart(go.Figure(go.Bar(x=[1, 2], y=[1, 2])), key="one")
"""


def _visit(chromium: Any, address: str, selectors: list[str]) -> tuple[float, float]:
    page = chromium.new_context(viewport={"width": 1440, "height": 1200}).new_page()
    start = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("h1", timeout=60_000)
    first = 1000 * (time.perf_counter() - start)
    for selector in selectors:
        page.wait_for_selector(selector, timeout=60_000)
    taken = 1000 * (time.perf_counter() - start)
    page.context.close()
    return first, taken


@contextmanager
def _served(script: Path) -> Iterator[str]:
    """Address of a Streamlit server that runs `script`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(script),
        "--server.port",
        str(port),
        "--server.headless",
        "true",
    ]
    with open(Path(os.environ["MOLLENS_HOME"]) / "server.log", "wb") as output:
        server = subprocess.Popen(words, cwd=CHECKOUT, stdout=output, stderr=output)
    try:
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(address: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=2).read()
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"the server at {address} did not answer within {seconds:g} s")
