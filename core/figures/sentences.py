"""Sentences that answer a figure's question, made from the same tables as the figure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import polars as pl

from core.figures.error_axes import View
from core.figures.numbers import number, percent, quantity
from core.judge.comparing.verdicts import against_zero, compare, compare_extremes
from core.judge.convergence import Convergence
from core.judge.statistics.intervals import N_POINTS_ONLY

ALMOST_ALL = 0.9
"""An element in a larger share of the molecules says nothing of its own."""


def convergence_sentence(found: Convergence, unit: str) -> str:
    """Has the validation error stopped falling? With the numbers that say so."""
    if found.state == "no epochs":
        return "No epochs: the model was not trained step by step."
    if found.state == "too short" and math.isfinite(found.noise):
        hidden, hidden_unit = quantity(found.noise, unit, 2)
        share = percent(found.noise / found.before)
        return f"Too short to tell: the scatter of the epochs hides a change of up to {hidden} {hidden_unit} ({share})."
    if found.state == "too short":
        return f"Too short to tell: {found.epochs} epochs; at least {2 * found.window + 1} are needed."
    size, shown = quantity(abs(found.drop), unit, 2)
    share = percent(abs(found.drop) / found.before) if found.before > 0 else "—"
    place = "below" if found.drop >= 0 else "above"
    change = (
        f"The mean validation MAE of the last {found.window} epochs is {size} {shown} ({share}) {place} that of the "
        f"{found.window} before"
    )
    noise, noise_unit = quantity(found.noise, unit, 2)
    if found.state == "still falling":
        text = f"Still falling. {change}, more than its noise of {noise} {noise_unit}."
        ended = math.isfinite(found.learning_rate_share) and found.learning_rate_share < 0.02
        return f"{text} Its schedule has ended: a longer one may go lower." if ended else text
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
    state: str = "converged"
    """has its validation error stopped falling? A state of `Convergence`"""

    def row(self, group: str) -> dict[str, Any] | None:
        """The group of that name, where the table has it."""
        found = self.groups.filter(pl.col("group") == group)
        return found.row(0, named=True) if len(found) else None


_UNCONVERGED = {"still falling": "still falling", "rising": "rising", "too short": "too short to tell"}


def provisional(state: str) -> str:
    """What follows a verdict on a run that has not converged: " (provisional: still falling)"; else nothing."""
    return f" (provisional: {_UNCONVERGED[state]})" if state in _UNCONVERGED else ""


def rarity_sentence(models: list[Told], view: View, below: int | None = None) -> str:
    """Are rare sizes predicted worse? From the tables by rarity.

    below: rare are sizes with fewer than so many training molecules; None: with less than 1 % of all molecules
    """
    limit = "1 % of the molecules" if below is None else f"{number(below)} training molecules"
    pairs = [(model, model.row("rare"), model.row("common")) for model in models]
    asked = [(model, rare, common) for model, rare, common in pairs if rare is not None and common is not None]
    if not asked:
        if models[0].row("rare") is None:
            return f"All sizes have at least {limit}: none is rare."
        return f"All sizes have {'less' if below is None else 'fewer'} than {limit}: none is common."
    for name, rows in (("a rare", [rare for _, rare, _ in asked]), ("a common", [common for *_, common in asked])):
        if min(row["n_held_out"] for row in rows) < N_POINTS_ONLY:
            side = "below" if name == "a rare" else "at least"
            return (
                f"Not enough data: {range_of(rows)} held-out molecules have {name} size ({side} {limit}); at least "
                f"{N_POINTS_ONLY} are needed."
            )
    if view.measure == "bias":
        told = [f"{m.mark} {sided(rare, view)}{provisional(m.state)}".strip() for m, rare, _ in asked]
        return f"Rare sizes: {listed(told)}."
    if view.measure == "max":
        return NO_MAXIMUM
    parts = verdicts(asked, view, _RARITY)
    if any(compare(rare, common, view.measure) == "above" for _, rare, common in asked):
        parts.append("Size itself may be the reason, not rarity.")
    return " ".join(parts)


Asked = tuple[Told, dict[str, Any], dict[str, Any]]
"""A model, its row of a group, and the row that this is compared with."""

NO_MAXIMUM = "A maximum grows with the number of molecules and has no interval: no verdict on groups."
BRIEF = 3
"""From so many models on a verdict lists the models, not their numbers, which stand in the figure."""

_RARITY = {
    "above": "Rare sizes (n = {n}) are predicted worse than common ones (n = {m})",
    "below": "Rare sizes (n = {n}) are predicted better than common ones (n = {m})",
    "overlap": "Undecided whether rare sizes (n = {n}) differ from common ones (n = {m}), the intervals overlap",
    "unknown": "Not enough data for a verdict on rare (n = {n}) against common sizes (n = {m})",
}
_ELEMENT = {
    "above": "With {name} (n = {n}) worse than all (n = {m})",
    "below": "With {name} (n = {n}) better than all (n = {m})",
    "overlap": "Undecided for {name} (n = {n}) against all (n = {m})",
    "unknown": "Not enough data for a verdict on {name} (n = {n}) against all (n = {m})",
}


def verdicts(asked: list[Asked], view: View, words: dict[str, str], name: str = "") -> list[str]:
    """One sentence for each verdict, with the models that it holds for: values, intervals, numbers of molecules."""
    by_verdict: dict[str, list[Asked]] = {}
    for model, row, other in asked:
        by_verdict.setdefault(compare(row, other, view.measure), []).append((model, row, other))
    sentences = []
    for verdict, found in by_verdict.items():
        head = words[verdict].format(
            name=name, n=range_of([row for _, row, _ in found]), m=range_of([other for *_, other in found])
        )
        marks = {provisional(model.state) for model, _, _ in found}
        shared = marks.pop() if len(marks) == 1 else None  # said once where it holds for all
        if len(asked) >= BRIEF:
            briefly = " ".join(f"{m.mark}{provisional(m.state) if shared is None else ''}" for m, *_ in found)
            sentences.append(f"{head}: {briefly}{shared or ''}.")
            continue
        told = [
            f"{m.mark} {_against(row, other, view)}{provisional(m.state) if shared is None else ''}".strip()
            for m, row, other in found
        ]
        sentences.append(f"{head}: {listed(told)}{shared or ''}.")
    return sentences


def range_of(rows: list[dict[str, Any]]) -> str:
    """How many held-out molecules: one number, or from the fewest to the most where models are judged on different."""
    counts = [row["n_held_out"] for row in rows]
    return " to ".join(number(n) for n in dict.fromkeys((min(counts), max(counts))))


def _against(row: dict[str, Any], other: dict[str, Any], view: View) -> str:
    """Two values with their intervals: "19.1 (15.0 to 25.2) against 10.7 (10.1 to 11.3) meV"."""
    return f"{_value(row, view)} against {_value(other, view)} {view.unit}"


def _value(row: dict[str, Any], view: View) -> str:
    limits = limits_text(row, view)
    return view.text(row[view.measure]) + (f" ({limits})" if limits else "")


def element_sentence(models: list[Told], view: View) -> str:
    """Are molecules with a rare element predicted worse? From the tables by element.

    Elements in more than 90 % of the molecules are left out.
    """
    if view.measure == "max":
        return NO_MAXIMUM
    if len(models) > 1:
        return _elements_briefly(models, view)
    parts: list[str] = []
    few: list[str] = []
    undecided: list[str] = []
    for element in models[0].groups.filter(pl.col("share") <= ALMOST_ALL).sort("share")["group"].to_list():
        rows = [(model, row, model.overall) for model in models if (row := model.row(element)) is not None]
        counts = [row for _, row, _ in rows]
        if min(row["n_held_out"] for row in counts) < N_POINTS_ONLY:
            few.append(f"{element} (n = {range_of(counts)})")
        elif view.measure == "bias":
            parts += [f"{m.mark} {element} {sided(row, view)}{provisional(m.state)}.".strip() for m, row, _ in rows]
        else:
            answers = {compare(row, other, view.measure) for _, row, other in rows}
            if answers == {"overlap"}:
                values = [f"{m.mark} {_value(row, view)}".strip() for m, row, _ in rows]
                undecided.append(f"{element} (n = {range_of(counts)}) {', '.join(values)}")
            else:
                parts += verdicts(rows, view, _ELEMENT, element)
    if undecided:
        parts.append(f"Undecided against all, in {view.unit}: {'; '.join(undecided)}.")
    if few:
        parts.append(f"Not enough data for {listed(few)}.")
    return " ".join(parts) or "No element is rare enough to ask."


def _elements_briefly(models: list[Told], view: View) -> str:
    """The verdicts with the elements and models that each holds for, without numbers."""
    found: dict[str, list[str]] = {"above": [], "below": [], "overlap": [], "unknown": []}
    all_open = all(provisional(model.state) for model in models)
    for element in models[0].groups.filter(pl.col("share") <= ALMOST_ALL).sort("share")["group"].to_list():
        rows = [(model, row) for model in models if (row := model.row(element)) is not None]
        n = range_of([row for _, row in rows])
        if min(row["n_held_out"] for _, row in rows) < N_POINTS_ONLY:
            found["unknown"].append(f"{element} (n = {n})")
            continue
        by_verdict: dict[str, list[str]] = {}
        for model, row in rows:
            mark = f"{model.mark}*" if provisional(model.state) and not all_open else model.mark
            verdict = against_zero(row) if view.measure == "bias" else compare(row, model.overall, view.measure)
            by_verdict.setdefault(verdict, []).append(mark)
        for answer, marks in by_verdict.items():
            whose = "for all" if len(marks) == len(rows) and not any("*" in m for m in marks) else " ".join(marks)
            found[answer].append(f"{element} (n = {n}) {whose}")
    words = {"above": "Worse than all molecules", "below": "Better", "overlap": "Undecided"}
    if view.measure == "bias":
        words = {"above": "Predicted too high", "below": "Too low", "overlap": "Undecided on which side of 0"}
    words["unknown"] = "Not enough data"
    parts = [f"{words[verdict]}: {', '.join(told)}." for verdict, told in found.items() if told]
    if any("*" in part for part in parts):
        parts.append("\\* provisional: not converged.")
    if all_open and parts:
        parts.append("Provisional: none has converged.")
    return " ".join(parts).replace("]*", "]\\*") or "No element is rare enough to ask."


def size_sentence(sizes: pl.DataFrame, view: View, state: str = "converged") -> str:
    """The sizes with the largest and the least error that have at least 10 held-out molecules; how many have fewer.

    That errors differ by size is said only where the intervals of these two do not touch even when drawn out for all
    sizes at once: they were picked out of many.
    """
    if view.measure == "max":
        return NO_MAXIMUM
    known = sizes.filter((pl.col("n_held_out") >= N_POINTS_ONLY) & pl.col(view.measure).is_not_null())
    few = len(sizes) - len(known)
    if len(known) < 2:
        return f"{few} sizes have fewer than {N_POINTS_ONLY} held-out molecules: not enough data to compare sizes."
    words = ("Farthest from 0", "nearest") if view.measure == "bias" else ("Sizes differ: largest", "least")
    ordered = known.sort(pl.col(view.measure).abs(), descending=True)
    worst, best = ordered.row(0, named=True), ordered.row(-1, named=True)
    if view.measure != "bias" and compare_extremes(worst, best, view.measure, len(known)) != "above":
        words = ("Undecided whether sizes differ. Largest", "least")
    text = f"{words[0]} at {worst['group']} atoms, {with_interval(worst, view)}; "
    text += f"{words[1]} at {best['group']}, {with_interval(best, view)}{provisional(state)}."
    return text + (f" {few} of {len(sizes)} sizes have fewer than {N_POINTS_ONLY}." if few else "")


_SIDES = {
    "above": "predicted too high",
    "below": "predicted too low",
    "overlap": "undecided on which side of 0",
    "unknown": "without an interval",
}


def sided(row: dict[str, Any], view: View) -> str:
    """A signed error and on which side of 0 it lies: "+3.1 meV (+1.2 to +5.0, n = 40), predicted too high"."""
    return f"{with_interval(row, view)}, {_SIDES[against_zero(row)]}"


def listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
