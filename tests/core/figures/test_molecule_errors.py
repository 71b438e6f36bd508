from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from core.figures.molecule_errors import (
    MOST_ROWS,
    drawn_recipes,
    has_epochs,
    molecule_error_curves,
    molecule_error_rows,
)
from core.judge.inspect.molecule import MoleculeErrors, RecipeError, RunError


def run(recipe: int, error: float | None, code: str = "test", epochs: tuple[float, ...] = ()) -> RunError:
    named: Any = {"called": "test error", "predicted": None, "baseline": None, "baseline_error": None, "place": None}
    return RunError(
        id=f"{recipe}-{error}", name=f"run of {recipe}", recipe=recipe, seed=0, code=code, error=error,
        epochs=tuple(range(1, len(epochs) + 1)), over_epochs=epochs, **named,
    )  # fmt: skip


def errors(*runs: RunError) -> MoleculeErrors:
    n = 1 + max(each.recipe for each in runs)
    recipes = tuple(RecipeError(f"recipe {k}", 1, 1, 0.0, None, True, 1.0 - 0.01 * k) for k in range(n))
    edges = np.linspace(-0.1, 0.1, 5)
    return MoleculeErrors(
        7, 0, 12, "C4H8", "C1CCC1", "energy", "eV", -10.0, tuple(runs), recipes, edges, np.array([0, 3, 5, 1])
    )  # fmt: skip


def checked(fig: go.Figure) -> go.Figure:
    """The figure through plotly's checks, which are left out where it is made."""
    return go.Figure(fig.to_dict())


def test_a_row_for_each_recipe_and_a_mark_for_each_run() -> None:
    found = errors(run(0, -0.09), run(0, -0.08), run(1, 0.02, "training"), run(2, None), run(3, 5.0))
    assert drawn_recipes(found) == [0, 3, 1]  # the first, then the better ones; nothing of one without a residual
    fig = checked(molecule_error_rows(found, {0: "#4F46E5"}, 1000.0, "meV", False))
    bars, own, far, trained = fig.data
    assert list(bars.y) == [0, 3, 5, 1]
    assert list(own.x) == [-90.0, -80.0] and own.marker.color == "#4F46E5" and set(own.marker.symbol) == {"line-ns"}
    assert trained.marker.symbol[0] == "circle-open" and trained.x[0] == pytest.approx(20.0)
    low, high = fig.layout.xaxis.range
    assert far.marker.symbol[0] == "triangle-right" and low < far.x[0] < high < 5000
    assert "+5,000 meV" in far.text[0]
    assert fig.layout.yaxis.ticktext == ("<b>recipe 0, 2 runs</b>", "recipe 3", "recipe 1")


def test_no_more_rows_than_fit() -> None:
    found = errors(*(run(k, 0.01 * k) for k in range(20)))
    assert len(drawn_recipes(found)) == MOST_ROWS and drawn_recipes(found)[0] == 0


def test_the_error_over_the_epochs_of_the_first_recipe() -> None:
    found = errors(run(0, -0.09, "validation", (0.9, 0.3, -0.1)), run(1, 0.1, "validation", (0.5, 0.4)))
    assert has_epochs(found) and not has_epochs(errors(run(0, -0.09), run(1, 0.1, "validation", (0.5, 0.4))))
    fig = checked(molecule_error_curves(found, "#4F46E5", 1000.0, "meV", True))
    assert len(fig.data) == 1 and list(fig.data[0].x) == [1, 2, 3] and list(fig.data[0].y) == [900.0, 300.0, -100.0]
    low, high = fig.layout.yaxis.range
    assert low < -100 and high > 0
