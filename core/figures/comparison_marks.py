"""Marks of the difference of two models: colours and symbols by the answer, intervals, words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.figures.error_axes import as_text
from core.figures.numbers import number, percent, significant
from core.figures.theme import ModelStyle, colours, rgba
from core.judge.comparing.compare import Comparison
from core.judge.comparing.verdicts import GroupVerdict
from core.judge.statistics.intervals import N_LARGE, N_POINTS_ONLY

Styles = tuple[ModelStyle, ModelStyle]
Names = tuple[str, str]


def difference_marks(
    comparison: Comparison,
    groups: Sequence[GroupVerdict],
    at: Sequence[float],
    factor: float,
    unit: str,
    names: Names,
    styles: Styles,
    dark: bool,
    value_axis: str,
) -> list[dict[str, Any]]:
    """Marks with intervals, one trace for each state: an interval has one colour in a trace."""
    c = colours(dark)
    looks = {
        "A better": (styles[0].colour, styles[0].symbol), "B better": (styles[1].colour, styles[1].symbol),
        "equal": (c.ink, "circle"), "undecided": (c.faint, "circle"), "not enough data": (c.faint, "circle"),
    }  # fmt: skip
    if comparison.warnings:  # no verdict, so no model's colour
        looks = dict.fromkeys(looks, (c.faint, "circle"))
    traces = []
    for state, (colour, symbol) in looks.items():
        chosen = [(place, group) for place, group in zip(at, groups, strict=True) if group.state == state]
        if not chosen:
            continue
        values = [(group.difference or 0.0) * factor for _, group in chosen]
        bars = {
            "type": "data", "symmetric": False, "color": colour, "thickness": 1.8, "width": 0,
            "array": [_arm(group.high, group, factor) for _, group in chosen],
            "arrayminus": [-_arm(group.low, group, factor) for _, group in chosen],
        }  # fmt: skip
        few = [group.n_held_out < N_POINTS_ONLY for _, group in chosen]
        hollow = [not f and group.n_held_out < N_LARGE for f, (_, group) in zip(few, chosen, strict=True)]
        other = [place for place, _ in chosen]
        x, y = (other, values) if value_axis == "y" else (values, other)
        traces.append({
            "type": "scatter", "x": x, "y": y, "mode": "markers", "name": state, f"error_{value_axis}": bars,
            "marker": {
                "symbol": symbol, "opacity": 1, "size": [5 if f else 9 for f in few],
                "color": [
                    rgba(colour, 0.6) if f else c.page if h else colour for f, h in zip(few, hollow, strict=True)
                ],
                "line": {"color": colour, "width": [1.7 if h else 0 for h in hollow]},
            },
            "selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 1}},
            "customdata": [[group.group] for _, group in chosen],
            "text": [difference_words(comparison, group, factor, unit, names) for _, group in chosen],
            "hovertemplate": "%{text}<extra></extra>",
        })  # fmt: skip
    return traces


def _arm(limit: float | None, group: GroupVerdict, factor: float) -> float:
    return 0.0 if limit is None or group.difference is None else (limit - group.difference) * factor


def difference_words(comparison: Comparison, group: GroupVerdict, factor: float, unit: str, names: Names) -> str:
    """A mark in words: both errors, the difference with its interval, the answer, the molecules."""
    a, b = (significant(None if e is None else e * factor) for e in (group.error_a, group.error_b))
    told = [f"<b>{group.label}</b>", f"A {as_text(names[0])} {a}, B {as_text(names[1])} {b} {unit}"]
    difference = f"B \N{MINUS SIGN} A {significant((group.difference or 0.0) * factor, 3, sign=True)}"
    if group.low is not None and group.high is not None:
        ends = (significant(limit * factor, 3, sign=True) for limit in (group.low, group.high))
        difference += f" ({' to '.join(ends)})"
    state = group.state
    if group.margin is not None and state == "equal":
        state = f"equal within {significant(group.margin * factor, 2)}"  # type: ignore[assignment]
    told.append(f"{difference} {unit}" + ("" if comparison.warnings else f": {state}"))
    if group.improved is not None and group.n_held_out >= N_POINTS_ONLY:
        told.append(f"B closer on {percent(group.improved)} of {number(group.n_held_out)} molecules")
    else:
        told.append(f"{number(group.n_held_out)} molecules")
    trained = [number(n) for n in dict.fromkeys((group.n_train_a, group.n_train_b))]
    told[-1] += f"; {' and '.join(trained)} in training"
    return "<br>".join(told)
