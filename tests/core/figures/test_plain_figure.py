from __future__ import annotations

import base64
import copy
import json
from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.figures.error_axes import built
from core.figures.plain_figure import PlainFigure, as_plain


def parts() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    data = [
        {"type": "scatter", "x": [1, 2, None], "y": np.array([0.5, np.nan, 2.0]), "text": ["a", "b", "c"],
         "customdata": [["a"], ["b"], ["c"]], "marker": {"size": [1, 2, 3]}},
        {"type": "heatmap", "z": np.arange(6.0).reshape(2, 3), "x": [1, 2, 3], "text": [["1"] * 3] * 2},
        {"type": "bar", "x": np.array([1, 2]), "y": [3, 4]},
    ]  # fmt: skip
    return data, {"xaxis": {"range": [0, 3], "title": {"text": "x"}}, "shapes": [{"type": "rect", "x0": 0}]}


def sent(fig: go.Figure) -> Any:
    """What the browser gets, arrays as lists."""
    return _lists(json.loads(fig.to_json(validate=False)))


def _lists(value: Any) -> Any:
    if isinstance(value, dict) and "bdata" in value:
        values = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
        if "shape" in value:
            values = values.reshape([int(n) for n in value["shape"].split(",")])
        return json.loads(json.dumps(values.tolist()).replace("NaN", "null"))
    if isinstance(value, dict):
        return {key: _lists(each) for key, each in value.items()}
    return [_lists(each) for each in value] if isinstance(value, list) else value


def test_it_sends_what_plotly_sends() -> None:
    fig, usual = PlainFigure(*parts()), go.Figure(*parts())
    assert sent(fig)["data"] == sent(usual)["data"]
    assert sent(fig)["layout"] == {k: v for k, v in sent(usual)["layout"].items() if k != "template"}
    assert sent(as_plain(usual)) == sent(usual)


def test_it_is_a_figure_for_whoever_looks_into_it() -> None:
    fig = built(False, 200, *parts())
    before = sent(fig)
    assert list(fig.data[0].x) == [1, 2, None] and fig.layout.xaxis.title.text == "x" and fig.layout.height == 200
    assert sent(fig) == before
    fig.layout.height = 300
    assert fig.to_dict()["layout"]["height"] == 300
    assert sent(go.Figure(built(False, 200, *parts())))["data"] == before["data"]
    assert sent(copy.deepcopy(built(False, 200, *parts())))["data"] == before["data"]
