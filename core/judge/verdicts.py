"""What may be said about two groups, or about a group and zero, from their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

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


def against_zero(row: Mapping[str, Any]) -> Verdict:
    """On which side of 0 the signed error of a group lies: "above" (predicted too high), "below", or not to be told."""
    low, high = row.get("bias_low"), row.get("bias_high")
    if low is None or high is None:
        return "unknown"
    if low > 0:
        return "above"
    return "below" if high < 0 else "overlap"
