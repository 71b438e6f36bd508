from __future__ import annotations

import numpy as np
import pytest

from core.figures.error_slices import worst_groups
from core.figures.residuals import error_shares, residual_heatmap, residual_sentence
from core.figures.theme import model_style
from core.judge.residuals import ErrorDistribution, ResidualDensity
from core.judge.slicing.slices import Slice
from tests.core.figures.test_errors import checked

STYLE = model_style(0, False)


def density(counts: list[list[int]], median: list[float]) -> ResidualDensity:
    middle = np.array(median)
    fields = {
        "x_label": "Energy", "x_unit": "eV", "unit": "eV", "reference": "free atoms",
        "x_edges": np.array([-10.0, -5.0, 0.0]), "y_edges": np.array([-0.15, -0.05, 0.05, 0.15]),
        "counts": np.array(counts), "n": int(np.sum(counts)) + 1, "outside": 1,
        "column_n": np.sum(counts, axis=0), "median": middle, "low": middle - 0.01, "high": middle + 0.01,
    }  # fmt: skip
    return ResidualDensity(**{key: fields[key] for key in ResidualDensity.__dataclass_fields__})


def test_density_is_logarithmic_and_leaves_empty_cells_blank() -> None:
    found = density([[0, 1], [10, 100], [0, 0]], [0.02, np.nan])
    fig = checked(residual_heatmap(found, STYLE, 1000.0, "meV", False))
    z = np.array(fig.data[0].z, dtype=float)
    assert np.isnan(z[0, 0]) and z[0, 1] == 0 and z[1].tolist() == [1, 2]
    median = next(t for t in fig.data if t.name == "median")
    assert median.y[0] == pytest.approx(20) and np.isnan(median.y[1])
    assert list(fig.layout.yaxis.range) == pytest.approx([-150, 150])
    assert residual_sentence(found, 1000.0, "meV") == (
        "The median error of the columns is +20 meV. 1 molecule lies beyond this figure."
    )


@pytest.mark.parametrize("signed", [False, True])
def test_shares_stand_above_their_sums(signed: bool) -> None:
    edges = np.array([-0.1, 0.0, 0.1]) if signed else np.array([0.001, 0.01, 0.1])
    values = {
        "edges": edges, "counts": np.array([[3, 1]]), "share": np.array([[0.75, 0.25]]),
        "cumulative": np.array([[0.0, 0.75, 1.0]]), "below": np.array([0]), "above": np.array([0]), "n": np.array([4]),
        "median": np.array([0.005]), "p95": np.array([0.09]), "unit": "eV", "signed": signed, "log": not signed,
    }  # fmt: skip
    found = ErrorDistribution(**{key: values.get(key, np.zeros(1)) for key in ErrorDistribution.__dataclass_fields__})
    fig = checked(error_shares(found, ["Model"], [STYLE], 1000.0, "meV", True))
    above, below = fig.data
    assert list(above.y) == [75, 25] and list(below.y) == [0, 75, 100]
    assert list(below.x) == pytest.approx(list(edges * 1000))
    assert fig.layout.xaxis.type == (None if signed else "log")
    assert "75.0 %" in below.text[1]


def slice_of(label: str, state: str, mae: float | None, n: int, low: float | None = None) -> Slice:
    known = {
        "predicates": (label,), "label": label, "where": ("element=F",), "n_validation": 60, "mae_validation": 0.1,
        "ratio_validation": 2.0, "n_test": n, "mae": mae, "rest_mae": 0.04, "difference": None,
        "low": low, "high": None if low is None else low + 0.05, "state": state,
    }  # fmt: skip
    return Slice(**{key: known[key] for key in Slice.__dataclass_fields__ if key in known})


def test_worst_groups_have_their_numbers_in_columns() -> None:
    slices = [slice_of("rings <b>", "confirmed", 0.1, 212, 0.02), slice_of("with F", "not enough data", 0.08, 20)]
    fig = checked(worst_groups(slices, 0.05, STYLE, 1000.0, "meV", False))
    groups = next(t for t in fig.data if t.name == "groups")
    assert list(groups.x) == pytest.approx([80, 100])  # from the bottom up
    assert [d[0] for d in groups.customdata] == [1, 0]
    assert groups.error_x.arrayminus[1] == pytest.approx(40) and groups.error_x.arrayminus[0] == 0
    assert groups.error_x.array[1] == pytest.approx(10)
    columns = [list(t.text) for t in fig.data if t.mode == "text"]
    assert columns == [["<b>80.0</b>", "<b>100</b>"], ["20", "212"], ["1.6×", "2.0×"]]
    assert list(fig.layout.yaxis.ticktext) == ["with F", "rings &lt;b&gt;"]
