"""Sentences about any groups, about a filter's two sides, and about how errors are spread."""

from __future__ import annotations

import polars as pl

from core.figures.error_axes import View
from core.figures.numbers import significant
from core.figures.sentences import (
    BRIEF,
    NO_MAXIMUM,
    Told,
    listed,
    provisional,
    range_of,
    sided,
    verdicts,
    with_interval,
)
from core.judge.comparing.verdicts import compare_extremes
from core.judge.statistics.intervals import N_POINTS_ONLY

_INSIDE = {
    "above": "Inside the filter (n = {n}) predicted worse than outside (n = {m})",
    "below": "Inside the filter (n = {n}) predicted better than outside (n = {m})",
    "overlap": "Undecided whether inside (n = {n}) differs from outside (n = {m}), the intervals overlap",
    "unknown": "Not enough data for a verdict on inside (n = {n}) against outside (n = {m})",
}


def inside_sentence(models: list[Told], view: View) -> str:
    """Is it worse inside a filter than outside? From the tables of the groups "inside" and "outside"."""
    pairs = [(model, model.row("inside"), model.row("outside")) for model in models]
    asked = [(model, inside, outside) for model, inside, outside in pairs if inside is not None and outside is not None]
    if not asked:
        return "One side of the filter has no molecules: nothing to compare."
    for name, rows in (("inside", [inside for _, inside, _ in asked]), ("outside", [other for *_, other in asked])):
        if min(row["n_held_out"] for row in rows) < N_POINTS_ONLY:
            return (
                f"Not enough data: {range_of(rows)} held-out molecules are {name} the filter; at least "
                f"{N_POINTS_ONLY} are needed."
            )
    if view.measure == "bias":
        told = [f"{m.mark} {sided(inside, view)}{provisional(m.state)}".strip() for m, inside, _ in asked]
        return f"Inside: {listed(told)}."
    if view.measure == "max":
        return NO_MAXIMUM
    return " ".join(verdicts(asked, view, _INSIDE))


def groups_sentence(models: list[Told], labels: dict[str, str], view: View, noun: str) -> str:
    """Which group has the largest error, for each model; certain where its interval lies above those of all others.

    labels: group -> the group in words; groups that it does not hold are passed over
    """
    if view.measure == "max":
        return NO_MAXIMUM
    told: list[str] = []
    where: set[str] = set()
    sure, few = True, 0
    for model in models:
        column = pl.col(view.measure)
        known = model.groups.filter(pl.col("group").is_in(list(labels)) & column.is_not_null())
        enough = known.filter(pl.col("n_held_out") >= N_POINTS_ONLY).sort(column.abs(), descending=True)
        few = max(few, len(known) - len(enough))
        if len(enough) < 2:
            continue
        worst, *others = enough.iter_rows(named=True)
        sure &= view.measure != "bias" and all(
            compare_extremes(worst, other, view.measure, len(enough)) == "above" for other in others
        )
        value = f"{view.text(worst[view.measure])} {view.unit}" if len(models) >= BRIEF else with_interval(worst, view)
        told.append(f"{model.mark} {labels[worst['group']]}, {value}{provisional(model.state)}".strip())
        where.add(labels[worst["group"]])
    if not told:
        return f"Fewer than two groups have {N_POINTS_ONLY} held-out molecules: not enough data to compare."
    head = f"Worst {noun}" if sure else f"Undecided which {noun} is worst. Largest error"
    head = f"Farthest from 0 by {noun}" if view.measure == "bias" else head
    if len(where) == 1 and len(told) > 1:  # said once where it is the same for all
        (same,) = where
        head, told = f"{head}: {same}", [words.replace(f"{same}, ", "", 1) for words in told]
    rest = f"; {len(told) - 4} more models in the table" if len(told) > 4 else ""
    tail = f" {few} {'has' if few == 1 else 'have'} fewer than {N_POINTS_ONLY} held-out molecules." if few else ""
    return f"{head}: {'; '.join(told[:4])}{rest}.{tail}"


def distribution_sentence(marks: list[str], median: list[float], p95: list[float], view: View) -> str:
    """What half and what nearly all of the molecules stay below, for each model; values in the unit inside."""
    told = [
        f"{mark} {significant(m * view.factor)} and {significant(p * view.factor)} {view.unit}".strip()
        for mark, m, p in zip(marks, median, p95, strict=True)
    ]
    rest = f"; {len(told) - 4} more models in the table" if len(told) > 4 else ""
    return f"Half of the molecules and 95 % of them are off by less than: {'; '.join(told[:4])}{rest}."
