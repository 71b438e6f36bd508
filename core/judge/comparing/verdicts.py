"""What may be said about two groups, a group and zero, or two models, from intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import ndtri

from core.judge.statistics.intervals import LEVEL
from core.judge.statistics.simultaneous import student_scale

Verdict = Literal["above", "below", "overlap", "unknown"]


def compare(row: Mapping[str, Any], other: Mapping[str, Any], measure: str) -> Verdict:
    """Where one group's error lies to another's: "above" or "below" only if their 95 % intervals do not touch.

    That is stricter than an interval of the difference, and needs no pairing. For errors that do not depend on the
    group, with QM9's sizes and heavy tails, it spoke falsely in 3 to 5 % of simulated test sets of 1,300 to 10,831
    molecules. row, other: of `group_errors`. "unknown" where an interval is missing.
    """
    low, high = row.get(f"{measure}_low"), row.get(f"{measure}_high")
    other_low, other_high = other.get(f"{measure}_low"), other.get(f"{measure}_high")
    if low is None or high is None or other_low is None or other_high is None:
        return "unknown"
    if low > other_high:
        return "above"
    return "below" if high < other_low else "overlap"


def compare_extremes(row: Mapping[str, Any], other: Mapping[str, Any], measure: str, n_groups: int) -> Verdict:
    """As `compare`, for two groups that were picked out of `n_groups` because of their errors.

    The largest and the least of many errors lie apart by chance alone: with intervals that hold one by one, two of 14
    sizes did so in a fifth of simulated test sets in which all were alike. Here each interval is as wide as it must be
    for all groups to hold at once (Sidak's rule, on the scale of Student's t).
    """
    return compare(_widened(row, measure, n_groups), _widened(other, measure, n_groups), measure)


def _widened(row: Mapping[str, Any], measure: str, n_groups: int) -> dict[str, float | None]:
    """The limits of a row, drawn out to those of intervals that hold for `n_groups` at once."""
    value, low, high = (row.get(measure + end) for end in ("", "_low", "_high"))
    if value is None or low is None or high is None:
        return {}
    freedom = np.array([max(int(row.get("n_held_out") or 0) - 1, 1)], dtype=np.float64)
    levels = (LEVEL ** (1 / max(n_groups, 1)), LEVEL)
    of_all, of_one = (float(student_scale(float(-ndtri((1 - level) / 2)), freedom)[0]) for level in levels)
    stretch = of_all / of_one
    return {f"{measure}_low": value - stretch * (value - low), f"{measure}_high": value + stretch * (high - value)}


def against_zero(row: Mapping[str, Any]) -> Verdict:
    """On which side of 0 the signed error of a group lies: "above" (predicted too high), "below", or not to be told."""
    low, high = row.get("bias_low"), row.get("bias_high")
    if low is None or high is None:
        return "unknown"
    if low > 0:
        return "above"
    return "below" if high < 0 else "overlap"


State = Literal["A better", "B better", "equal", "undecided", "not enough data"]
STATES: tuple[State, ...] = ("A better", "B better", "equal", "undecided", "not enough data")

MARGIN = 1e-3
"""eV: differences of energies within this are called equal unless another margin is asked for"""
MARGIN_SHARE = 0.05
"""or within this share of the smaller error, where that is more"""


def default_margin(error_a: float, error_b: float, unit: str, per: str = "molecule") -> float:
    """Within what two errors are called equal: 1 meV or 5 % of the smaller one; only 5 % per atom or for no energy."""
    share = MARGIN_SHARE * min(error_a, error_b)
    return max(MARGIN, share) if unit == "eV" and per == "molecule" else share


def state_of(low: float, high: float, margin: float) -> State:
    """What an interval of the difference, error of B minus error of A, allows to say.

    "equal" if all of it lies within the margin (a test of equivalence), even where it leaves out 0: such a difference
    is real but too small to matter. "not enough data" without an interval.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return "not enough data"
    if -margin <= low and high <= margin:
        return "equal"
    if high < 0:
        return "B better"
    return "A better" if low > 0 else "undecided"


@dataclass(frozen=True)
class GroupVerdict:
    """Where B stands to A in one group; values in the target's unit, None where the molecules allow none."""

    group: str
    label: str
    n_held_out: int
    """molecules that are compared"""
    n_train_a: int
    n_train_b: int
    error_a: float | None
    error_b: float | None
    difference: float | None
    """error of B minus error of A: negative where B is better"""
    low: float | None
    """of an interval that holds for all groups at once"""
    high: float | None
    margin: float | None
    """within it they are called equal"""
    improved: float | None
    """share of the molecules that B predicts better than A; equal ones count half"""
    improved_low: float | None
    """of its interval; None below 10 molecules, and for recipes, whose share varies with the seeds too"""
    improved_high: float | None
    state: State
    where: str | None = None
    """the group as filters that pages and `--where` understand, joined by ";"; None where there is none"""


@dataclass(frozen=True)
class RangeVerdict:
    """Neighbouring groups of one state, or a single group where nothing orders them."""

    groups: tuple[str, ...]
    words: str
    """where: "above 19 atoms", "for F" """
    n_held_out: int
    low: float | None
    """of the mean difference over the whole range; it holds whenever the intervals of its groups do"""
    high: float | None
    state: State


def ranges_of(
    groups: Sequence[GroupVerdict], spans: Sequence[tuple[int, int]] | None = None, noun: str = ""
) -> list[RangeVerdict]:
    """Merge neighbouring groups of one state; those without enough data are passed over and put together at the end.

    Args:
        groups: in order.
        spans: lowest and highest of what orders the groups; without them no groups are neighbours.
        noun: what the spans count.
    """
    judged = [k for k, group in enumerate(groups) if group.state != "not enough data"]
    runs: list[list[int]] = []
    for k in judged:
        if spans is not None and runs and groups[runs[-1][-1]].state == groups[k].state:
            runs[-1].append(k)
        else:
            runs.append([k])
    found = [_merged(groups, run, spans, noun) for run in runs]
    few = [k for k, group in enumerate(groups) if group.state == "not enough data"]
    if few:
        words = _words_of_few(groups, few, spans, noun)
        n = sum(groups[k].n_held_out for k in few)
        found.append(RangeVerdict(tuple(groups[k].group for k in few), words, n, None, None, "not enough data"))
    return found


def _merged(
    groups: Sequence[GroupVerdict], run: Sequence[int], spans: Sequence[tuple[int, int]] | None, noun: str
) -> RangeVerdict:
    members = [groups[k] for k in run]
    n = sum(group.n_held_out for group in members)
    # A mean of limits by number of molecules: it is on the safe side, and holds wherever the range was chosen from.
    low = sum(group.n_held_out * (group.low or 0.0) for group in members) / n
    high = sum(group.n_held_out * (group.high or 0.0) for group in members) / n
    words = members[0].label if spans is None else _words(run, spans, noun, len(groups))
    names = tuple(group.group for group in members)
    return RangeVerdict(names, f"for {words}" if spans is None else words, n, low, high, members[0].state)


def _words(run: Sequence[int], spans: Sequence[tuple[int, int]], noun: str, n_groups: int) -> str:
    first, last = run[0], run[-1]
    if first == 0 and last == n_groups - 1:
        return f"for all numbers of {noun}" if noun else "everywhere"
    if last == n_groups - 1 and first > 0:
        return f"above {spans[first - 1][1]} {noun}"
    if first == 0:
        return f"below {spans[last + 1][0]} {noun}"
    return f"for {_span(spans[first][0], spans[last][1])} {noun}"


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def _words_of_few(
    groups: Sequence[GroupVerdict], few: Sequence[int], spans: Sequence[tuple[int, int]] | None, noun: str
) -> str:
    if spans is None:
        return "for " + ", ".join(groups[k].label for k in few)
    blocks: list[list[int]] = []
    for k in few:
        if blocks and blocks[-1][-1] == k - 1:
            blocks[-1].append(k)
        else:
            blocks.append([k])
    return f"for {', '.join(_span(spans[b[0]][0], spans[b[-1]][1]) for b in blocks)} {noun}"
