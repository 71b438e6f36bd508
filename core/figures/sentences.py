"""Sentences that answer a figure's question, made from the same tables as the figure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import polars as pl

from core.figures.error_axes import N_POINTS_ONLY, View
from core.figures.numbers import number, percent, quantity
from core.judge.convergence import Convergence
from core.judge.verdicts import against_zero, compare

ALMOST_ALL = 0.9
"""An element in a larger share of the molecules says nothing of its own."""


def convergence_sentence(found: Convergence, unit: str) -> str:
    """Has the validation error stopped falling? With the numbers that say so."""
    if found.state == "no epochs":
        return "No epochs: the model was not trained step by step."
    if found.state == "too short":
        return f"Too short to tell: {found.epochs} epochs; at least {2 * found.window + 1} are needed."
    size, shown = quantity(abs(found.drop), unit, 2)
    share = percent(abs(found.drop) / found.before) if found.before > 0 else "—"
    verb = "fell" if found.drop >= 0 else "rose"
    change = f"Validation MAE {verb} {size} {shown} ({share}) over the last {found.window} epochs"
    noise, noise_unit = quantity(found.noise, unit, 2)
    if found.state == "still falling":
        return f"Still falling. {change}, more than its noise of {noise} {noise_unit}."
    if found.state == "rising":
        return f"Rising. {change}, more than its noise of {noise} {noise_unit}."
    reason = f"no more than its noise of {noise} {noise_unit}" if abs(found.drop) <= found.noise else "less than 1 %"
    text = f"Stopped falling. {change}, {reason}."
    if math.isfinite(found.learning_rate_share) and found.learning_rate_share < 0.02:
        share = percent(found.learning_rate_share, 1)
        text += f" The learning rate had fallen to {share} of its highest, which flattens any curve."
    return text


def with_interval(row: dict[str, Any], view: View) -> str:
    """A value with its interval and n: "41.0 meV (30.1 to 55.2, n = 172)"."""
    limits = limits_text(row, view)
    return (
        f"{view.text(row[view.measure])} {view.unit} ({limits + ', ' if limits else ''}n = {number(row['n_held_out'])})"
    )


def limits_text(row: dict[str, Any], view: View) -> str:
    """The interval of a value: "30.1 to 55.2", or nothing where there is none."""
    low, high = row.get(f"{view.measure}_low"), row.get(f"{view.measure}_high")
    return "" if low is None else f"{view.text(low)} to {view.text(high)}"


@dataclass(frozen=True)
class Told:
    """One model in a sentence about several."""

    mark: str
    """its symbol, as Markdown"""
    groups: pl.DataFrame
    """of `group_errors`, by the grouping that the sentence is about"""
    overall: dict[str, Any]
    """the same columns over all held-out molecules"""


def rarity_sentence(models: list[Told], view: View) -> str:
    """Are rare sizes predicted worse? From the tables by rarity."""
    first = {row["group"]: row for row in models[0].groups.iter_rows(named=True)}
    if "rare" not in first or "common" not in first:
        return "All sizes have more than 1 % of the molecules: none is rare."
    n_rare, n_common = first["rare"]["n_held_out"], first["common"]["n_held_out"]
    if min(n_rare, n_common) < N_POINTS_ONLY:
        return (
            f"Not enough data: {number(n_rare)} held-out molecules have a rare size (at most 1 % of the molecules); "
            "at least 10 are needed."
        )
    if view.measure == "bias":
        told = [
            f"{m.mark} {_sided(m.groups.row(by_predicate=pl.col('group') == 'rare', named=True), view)}" for m in models
        ]
        return f"Rare sizes: {_listed([text.strip() for text in told])}."
    by_verdict: dict[str, list[str]] = {}
    for model in models:
        rows = {row["group"]: row for row in model.groups.iter_rows(named=True)}
        verdict = compare(rows["rare"], rows["common"], view.measure)
        text = _against(rows["rare"], rows["common"], view, with_limits=len(models) == 1)
        by_verdict.setdefault(verdict, []).append(f"{model.mark} {text}".strip())
    parts = [f"Rare sizes (n = {number(n_rare)}) {_VERDICTS[v]}: {_listed(t)}." for v, t in by_verdict.items()]
    if "above" in by_verdict:
        parts.append("Size itself may be the reason, not rarity.")
    return " ".join(parts)


_VERDICTS = {
    "above": "are predicted worse than common ones",
    "below": "are predicted better than common ones",
    "overlap": "cannot be told from common ones, the intervals overlap",
    "unknown": "and common ones, without a verdict",
}


def _against(row: dict[str, Any], other: dict[str, Any], view: View, with_limits: bool) -> str:
    """Two values: "19.1 against 10.7 meV (1.8 ×)"."""
    if with_limits:
        return f"{with_interval(row, view)} against {with_interval(other, view)}"
    return f"{view.text(row[view.measure])} against {view.text(other[view.measure])} {view.unit}"


def element_sentence(models: list[Told], view: View) -> str:
    """Are molecules with a rare element predicted worse? From the tables by element.

    Elements in more than 90 % of the molecules are left out. What holds for all models is said once.
    """
    rows = [{row["element"]: row for row in model.groups.iter_rows(named=True)} for model in models]
    parts, alike, few = [], [], []
    asked = models[0].groups.filter(pl.col("share") <= ALMOST_ALL).sort("share")["element"].to_list()
    for element in asked:
        n = rows[0][element]["n_held_out"]
        if n < N_POINTS_ONLY:
            few.append(f"{element} (n = {n})")
            continue
        told: dict[str, list[str]] = {}
        for model, of_model in zip(models, rows, strict=True):
            row = of_model[element]
            if view.measure == "bias":
                parts.append(f"{model.mark} {element} {_sided(row, view)}.".strip())
                continue
            verdict = compare(row, model.overall, view.measure)
            text = _against(row, model.overall, view, with_limits=len(models) == 1)
            told.setdefault(verdict, []).append(f"{model.mark} {text}".strip())
        if told and set(told) <= {"overlap", "unknown"}:
            alike.append(element)
            continue
        parts += [
            f"With {element} {_ELEMENT_VERDICTS[v]}: {_listed(t)}." for v, t in told.items() if v in _ELEMENT_VERDICTS
        ]
    if alike:
        parts.append(f"{_listed(alike)}: not told apart from all molecules.")
    if few:
        parts.append(f"Not enough data for {_listed(few)}.")
    return " ".join(parts) or "No element is rare enough to ask."


_ELEMENT_VERDICTS = {"above": "worse than all", "below": "better than all", "overlap": "not told apart"}


def size_sentence(sizes: pl.DataFrame, view: View) -> str:
    """The worst and the best size that have at least 10 held-out molecules, and how many have fewer."""
    known = sizes.filter(pl.col("n_held_out") >= N_POINTS_ONLY)
    few = len(sizes) - len(known)
    if len(known) < 2:
        return f"{few} sizes have fewer than 10 held-out molecules: not enough data to compare sizes."
    words = ("Farthest from 0", "nearest") if view.measure == "bias" else ("Worst", "best")
    ordered = known.sort(pl.col(view.measure).abs(), descending=True)
    worst, best = ordered.row(0, named=True), ordered.row(-1, named=True)
    text = f"{words[0]} at {worst['group']} atoms, {with_interval(worst, view)}; "
    text += f"{words[1]} at {best['group']}, {with_interval(best, view)}."
    return text + (f" {few} of {len(sizes)} sizes have fewer than 10." if few else "")


_SIDES = {
    "above": "predicted too high",
    "below": "predicted too low",
    "overlap": "not told from 0",
    "unknown": "without an interval",
}


def _sided(row: dict[str, Any], view: View) -> str:
    """A signed error and on which side of 0 it lies: "+3.1 meV (+1.2 to +5.0, n = 40), predicted too high"."""
    return f"{with_interval(row, view)}, {_SIDES[against_zero(row)]}"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
