"""How numbers are written: true minus, thousands with commas, eV or meV by magnitude."""

from __future__ import annotations

import math

MINUS = "\N{MINUS SIGN}"
BELOW_MEV = 1.0  # eV; a typical value below this is shown in meV


def number(value: float | None, decimals: int = 0, sign: bool = False) -> str:
    """Write a number with thousands and a true minus; an em dash where there is none.

    Args:
        decimals: digits behind the point.
        sign: also write a plus.
    """
    if value is None or not math.isfinite(value):
        return "\N{EM DASH}"
    text = f"{value:{'+' if sign else ''},.{decimals}f}"
    if text[0] in "+-" and not any(digit in text for digit in "123456789"):
        text = text.lstrip("+-")  # no sign on a rounded zero
    return text.replace("-", MINUS)


def significant(value: float | None, digits: int = 3, sign: bool = False) -> str:
    """Write a number with about `digits` significant digits: 0.0123, 1.23, 12.3, 123, 12,345."""
    if value is None or not math.isfinite(value):
        return "\N{EM DASH}"
    if value == 0:
        return "0"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    return number(value, max(0, decimals), sign)


def short_count(value: int) -> str:
    """Write a count in few characters for crowded axes: 950, 1.2k, 15k, 2.4M."""
    for limit, divisor, letter in ((999_500, 1e6, "M"), (1_000, 1e3, "k")):
        if value >= limit:
            scaled = value / divisor
            return f"{scaled:.1f}".removesuffix(".0") + letter if scaled < 9.95 else f"{scaled:.0f}{letter}"
    return f"{value:d}"


def percent(share: float | None, decimals: int = 0) -> str:
    """Write a share in percent, with a space before the sign; never rounded to 0 % or 100 % unless it is that."""
    if share is None or not math.isfinite(share):
        return "\N{EM DASH}"
    smallest = 10.0 ** -(decimals + 2)
    if 0 < share < smallest / 2:
        return f"< {100 * smallest:.{decimals}f} %"
    if 1 - smallest / 2 <= share < 1:
        return f"> {100 - 100 * smallest:.{decimals}f} %"
    return f"{number(100 * share, decimals)} %"


def shown_unit(unit: str, magnitude: float | None) -> tuple[float, str]:
    """Factor and unit in which values of a magnitude are shown: eV below 1 eV becomes meV, all else stays.

    Args:
        unit: unit inside, e.g. "eV" or "D".
        magnitude: a typical absolute value, in `unit`; None leaves the unit.

    Returns:
        What to multiply by, and the unit to write.
    """
    if unit == "eV" and magnitude is not None and math.isfinite(magnitude) and abs(magnitude) < BELOW_MEV:
        return 1000.0, "meV"
    return 1.0, unit


def quantity(value: float | None, unit: str, digits: int = 3, sign: bool = False) -> tuple[str, str]:
    """A value and its unit as two texts, in meV where that reads better: (0.0184, "eV") is ("18.4", "meV")."""
    factor, shown = shown_unit(unit, value)
    return significant(None if value is None else value * factor, digits, sign), shown


def unit_text(unit: str) -> str:
    """A unit as people write it: a0^3 is a₀³, eV/Angstrom is eV/Å."""
    return unit.replace("Angstrom", "Å").replace("a0", "a₀").replace("^2", "²").replace("^3", "³")


def squared(unit: str) -> str:
    """The unit of a mean squared error: eV², and nothing for a quantity without a unit."""
    return f"{unit}²" if unit else ""


def in_sentence(label: str) -> str:
    """A label as it stands within a sentence: "Total energy" is "total energy"; HOMO and U0 keep their capitals."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def duration(seconds: float | None) -> str:
    """Write a time span by its size: 8 s, 4 min, 1 h 48 min, 2 d 3 h."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return "\N{EM DASH}"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def formula(text: str) -> str:
    """Write a molecular formula with subscripts: C2H6O is C₂H₆O."""
    return text.translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
