"""The whole Errors page: ten runs with 27,000 test molecules, and what a change of group, measure or filter costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from core.data.search import make_index
from core.data.split_making import make_split
from core.data.splits import open_split
from core.data.store import Dataset, open_dataset
from core.files import CHECKOUT
from core.judge.statistics import cell_sums
from core.recipes.recipe import Recipe
from tests.fake_runs import fake_dataset, fake_run

N, RUNS, EPOCHS, TURNS = 60_000, 10, 30, 5
BEFORE = {
    "measure": "mae", "by": "size", "per": "molecule", "relative": "absolute", "element": "", "range": "", "heavy": "",
    "substructure": "",
}  # fmt: skip
CHANGES: dict[str, dict[str, str]] = {
    "nothing": {},
    "RMSE": {"measure": "rmse"},
    "95th percentile": {"measure": "p95"},
    "by element": {"by": "element"},
    "by heavy atoms": {"by": "heavy"},
    "by functional group": {"by": "functional_group"},
    "by fifths of the gap": {"by": "gap"},
    "per atom": {"per": "atom"},
    "x baseline": {"relative": "baseline"},
    "only with N": {"element": "N"},
    "only 9 heavy atoms": {"heavy": "9"},
    "only some gaps": {"range": "gap:3:10"},
    "only with C=O": {"substructure": "C=O"},
}


def page() -> dict[str, Any]:
    """Milliseconds that the script of the page takes for each change, nothing of it asked for before."""
    from streamlit.testing.v1 import AppTest

    dataset = _dataset()
    runs = _runs(dataset)
    app = AppTest.from_file(str(CHECKOUT / "app.py"), default_timeout=300)
    app.query_params["dataset"] = dataset.name
    app.run().switch_page("pages/judge/errors.py")
    app.query_params.update({"dataset": dataset.name, "models": ",".join(runs)})
    told: dict[str, Any] = {}
    for words, change in CHANGES.items():
        taken = []
        for _ in range(TURNS):
            _put(app, BEFORE)
            _forget()
            app.run().run()
            _put(app, change)
            taken.append(_cost(app))
        wall, processor = (statistics.median(column) for column in zip(*taken, strict=True))
        told[f"Errors page, {RUNS} runs, {words}, ms wall / CPU"] = f"{wall:.0f} / {processor:.0f}"
    return told


def _dataset() -> Dataset:
    """Demo's molecules several times, stretched so that none is a copy of another; 27,000 of them for the test."""
    demo = open_dataset("demo").molecules
    some = demo.take(np.resize(np.arange(demo.n_molecules), N))
    stretch = np.repeat(1 + np.arange(N) / N, some.sizes)[:, None]
    columns = {key: some.columns[key] for key in ("energy", "gap")}
    many = replace(some, ids=np.arange(1, N + 1), positions=some.positions * stretch, columns=columns)
    dataset = fake_dataset("many", many)
    make_split(dataset, "half", train=0.45, validation=0.1, together="none")
    make_index(dataset)
    return dataset


def _runs(dataset: Dataset) -> list[str]:
    random, sizes = np.random.default_rng(0), dataset.molecules.sizes
    n_validation = len(open_split(dataset, "half").validation)
    fit = random.normal(0, 0.5, N)
    ids = []
    for k in range(RUNS):
        errors = random.standard_t(3, N) * 0.01 * (1 + 0.1 * k) * sizes / 18
        curves = np.stack([random.normal(0, 0.02, n_validation) * (1 + 10 / epoch) for epoch in range(1, EPOCHS + 1)])
        recipe = Recipe(preset="schnet-small", split="half", learning_rate=1e-3 * (1 + k), epochs=EPOCHS)
        ids.append(fake_run(dataset, errors, f"run {k}", fit, curves, recipe=recipe).id)
    return ids


def _put(app: Any, change: dict[str, str]) -> None:
    """What a reader's clicks put into the address, and into the controls."""
    for key, value in change.items():
        if value:
            app.query_params[key] = value
        elif key in app.query_params:
            del app.query_params[key]
        if key in ("measure", "by", "per", "relative"):
            app.session_state[key] = value


def _forget() -> None:
    from pages.common import judged

    for kept in (judged._tables, judged._tables_together, judged._curves, judged._density, judged._distribution):
        kept.clear()
    cell_sums.KEPT.clear()


def _cost(app: Any) -> tuple[float, float]:
    """Milliseconds of wall and of the script's own processor time of one run of the page."""
    from streamlit.runtime.scriptrunner import script_runner

    taken = [0.0, 0.0]
    run = script_runner.exec_func_with_error_handling

    def timed(script: Callable[[], Any], context: Any) -> Any:
        wall, processor = time.perf_counter(), time.thread_time()
        try:
            return run(script, context)
        finally:
            taken[0] += 1000 * (time.perf_counter() - wall)
            taken[1] += 1000 * (time.thread_time() - processor)

    script_runner.exec_func_with_error_handling = timed
    try:
        app.run()
    finally:
        script_runner.exec_func_with_error_handling = run
    if app.exception:
        raise SystemExit(f"the Errors page failed: {app.exception[0].value}")
    return taken[0], taken[1]
