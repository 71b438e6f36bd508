"""What is measured of errors: names, units, and which of them are averages over molecules."""

from __future__ import annotations

from core.errors import MollensError
from core.judge.held_out import MEASURES as MEASURES
from core.judge.held_out import unit_per

AVERAGED = ("mae", "mse", "bias")
"""means over molecules; the rmse is the root of one"""
WITH_LIMITS = ("mae", "rmse", "mse", "median", "p95", "bias")
"""measures that may have an interval; a maximum has none"""
RELATIVE = ("baseline",)
"""what errors may be divided by: the error of the linear fit in composition on the same molecules"""


def check_measure(measure: str, relative: str | None = None) -> None:
    """Refuse a measure that there is not.

    Raises:
        MollensError: for an unknown measure or divisor, and for a bias relative to another.
    """
    if measure not in MEASURES:
        raise MollensError(f"measure {measure!r} is not known; known are {', '.join(MEASURES)}")
    check_relative(relative)
    if relative is not None and measure == "bias":
        raise MollensError(
            "measure 'bias' has a sign and no ratio to the baseline's; use mae, rmse, mse, median or p95"
        )


def check_relative(relative: str | None) -> None:
    """Refuse a divisor that there is not.

    Raises:
        MollensError: for an unknown one.
    """
    if relative is not None and relative not in RELATIVE:
        raise MollensError(f"errors relative to {relative!r} are not known; known are {', '.join(RELATIVE)}")


def measure_unit(unit: str, measure: str = "mae", per: str = "molecule", relative: str | None = None) -> str:
    """Unit of a measure of errors in `unit`: "eV", "eV/atom", "eV^2", "(eV/atom)^2"; a ratio has none."""
    if relative is not None:
        return ""
    own = unit_per(unit, per)
    if measure != "mse":
        return own
    return f"({own})^2" if per == "atom" or "/" in own or "^" in own else f"{own}^2"
