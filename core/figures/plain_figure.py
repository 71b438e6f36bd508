"""A figure that is made of plain dictionaries, for pages that show many at once.

plotly copies every value of a figure several times, once when it is built and again when it is sent; ten figures of ten
models take a tenth of a second that way. What stands in the dictionaries is what the browser gets, so it is sent as it
is, and plotly's own objects are made only when somebody asks for one.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import plotly.graph_objects as go


class PlainFigure(go.Figure):
    """A figure of dictionaries that nobody changes any more; the first look at `data` or `layout` makes plotly's own.

    plotly's checks of every property are left out; the tests put every figure through them.
    """

    def __init__(self, data: Any = None, layout: dict[str, Any] | None = None, **rest: Any) -> None:
        self.__dict__["_plain"] = None
        if isinstance(data, list) and layout is not None and not rest:
            self.__dict__["_plain"] = {"data": data, "layout": layout}
        else:  # as plotly makes copies
            super().__init__(data, layout, **rest)

    def __getattr__(self, name: str) -> Any:
        plain = self.__dict__.get("_plain")
        if plain is None:
            raise AttributeError(name)
        self.__dict__["_plain"] = None
        super().__init__(plain["data"], plain["layout"], _validate=False)
        return getattr(self, name)

    def to_dict(self) -> dict[str, Any]:
        """The figure as dictionaries, arrays as plotly.js reads them."""
        if self.__dict__["_plain"] is None:
            return dict(super().to_dict())
        return dict(_sent(self.__dict__["_plain"]))


def as_plain(fig: go.Figure) -> PlainFigure:
    """A figure that is finished and shown many times."""
    whole = fig.to_dict()
    return PlainFigure(list(whole["data"]), whole["layout"])


_INSIDE = (dict, list, tuple, np.ndarray)


def _sent(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sent(each) if type(each) in _INSIDE else each for key, each in value.items() if each is not None}
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, list | tuple) and value and isinstance(value[0], dict):
        return [_sent(each) for each in value]
    return value


def _array(values: np.ndarray) -> Any:
    if values.dtype != np.float64 or values.size == 0:
        return values.tolist()
    text = base64.b64encode(np.ascontiguousarray(values).data).decode("ascii")
    return {"dtype": "f8", "bdata": text, **({"shape": str(values.shape)[1:-1]} if values.ndim > 1 else {})}
