"""Verdicts as plain sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.judge.comparing.verdicts import GroupVerdict, RangeVerdict, State
from core.judge.convergence import NOT_RECORDED

MINUS = "\N{MINUS SIGN}"


def amount(value: float, unit: str, like: float | None = None) -> str:
    """A number as a sentence has it, without its unit: `like`, or itself, decides the digits and between eV and meV."""
    factor, _ = _shown(unit, value if like is None else like)
    size = abs(value if like is None else like) * factor
    digits = 0 if size >= 9.95 else 1 if size >= 0.995 else 2 if size >= 0.0995 else 3
    text = f"{value * factor:,.{digits}f}"
    if not any(digit in "123456789" for digit in text):
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def unit_of(unit: str, like: float) -> str:
    """The unit that `amount` shows: meV for energies below 1 eV."""
    return _shown(unit, like)[1]


def _shown(unit: str, like: float) -> tuple[float, str]:
    if unit.split("/")[0] == "eV" and abs(like) < 1:
        return 1000.0, f"m{unit}"
    return 1.0, unit


def like_all(values: Sequence[float]) -> float:
    """What decides digits and unit of several numbers in one sentence: the largest; meV where any is below 1 eV."""
    sizes = [abs(value) for value in values]
    return max(sizes) if min(sizes) >= 1 or max(sizes) < 1 or max(sizes) >= 10 else 0.99


def between(low: float, high: float, unit: str) -> str:
    """Two limits: "12 to 18 meV", "−0.4 to 1.3 meV"."""
    like = like_all([low, high]) if unit.startswith("eV") else max(abs(low), abs(high))
    one, other = amount(low, unit, like), amount(high, unit, like)
    limits = one if one == other else f"{one} to {other}"
    return f"{limits} {unit_of(unit, like)}".rstrip()


def by_how_much(low: float, high: float, unit: str) -> str:
    """The size of a difference that is on one side of 0: "12 to 18 meV"."""
    return between(min(abs(low), abs(high)), max(abs(low), abs(high)), unit)


def within(low: float, high: float, unit: str) -> str:
    """The least margin that holds an interval: "2 meV"."""
    like = max(abs(low), abs(high))
    factor, shown = _shown(unit, like)
    size = like * factor
    step = 10.0 ** (math.floor(math.log10(size)) - 1) if size > 0 else 1.0
    rounded = math.ceil(size / step - 1e-9) * step
    return f"{amount(rounded / factor, unit, like)} {shown}".rstrip()


def whole_sentence(whole: GroupVerdict, unit: str) -> str:
    """Where B stands to A over all molecules."""
    if whole.low is None or whole.high is None:
        return f"Overall: not enough data ({whole.n_held_out} molecules)."
    if whole.state == "equal":
        return f"Overall, A and B are equal within {within(whole.low, whole.high, unit)}."
    if whole.state == "undecided":
        return f"Overall undecided: B minus A is {between(whole.low, whole.high, unit)}."
    return f"Overall, {whole.state[0]} is better by {by_how_much(whole.low, whole.high, unit)}."


_HEADS: dict[State, str] = {
    "B better": "B is better",
    "A better": "A is better",
    "equal": "equal",
    "undecided": "undecided",
    "not enough data": "not enough data",
}
_NEXT: dict[State, str] = {**_HEADS, "A better": "worse"}


def ranges_sentence(ranges: Sequence[RangeVerdict], unit: str) -> str:
    """Where B is better, worse or equal: "B is better above 19 atoms by 12 to 18 meV; worse below 17 atoms by ..."."""
    parts: list[str] = []
    judged = [each for each in ranges if each.state != "not enough data"]
    for state in _HEADS:
        mine = [each for each in ranges if each.state == state]
        told = [_range(each, unit) for each in mine]
        if len(mine) > 3 and len(mine) == len(judged):  # only where nothing orders the groups
            told = [_all_of(mine, unit)]
        if told:
            words = _NEXT if parts and parts[0].startswith("B is better") else _HEADS
            parts.append(f"{words[state]} {_listed(told)}")
    if not parts:
        return ""
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _range(each: RangeVerdict, unit: str) -> str:
    if each.low is None or each.high is None or each.state in ("undecided", "not enough data"):
        return each.words
    if each.state == "equal":
        return f"within {within(each.low, each.high, unit)} {each.words}"
    return f"{each.words} by {by_how_much(each.low, each.high, unit)}"


def _all_of(ranges: Sequence[RangeVerdict], unit: str) -> str:
    words, limits = f"for all {len(ranges)} groups", [(each.low or 0.0, each.high or 0.0) for each in ranges]
    if ranges[0].state == "equal":
        return f"within {within(*max(limits, key=lambda ends: max(-ends[0], ends[1])), unit)} {words}"
    if ranges[0].state == "undecided":
        return words
    least = min(min(abs(low), abs(high)) for low, high in limits)
    return f"{words} by {amount(least, unit)} {unit_of(unit, least)} or more"


_MOLECULES = "for molecules with "


def _listed(words: Sequence[str]) -> str:
    """Several places in a row; what they begin with in common is said once."""
    short = list(words)
    if all(word.startswith(_MOLECULES) for word in words):
        amounts = any(" by " in word for word in words)
        short[1:] = [("with " if amounts else "") + word.removeprefix(_MOLECULES) for word in words[1:]]
    elif all(word.startswith("for ") for word in words):
        short[1:] = [word.removeprefix("for ") for word in words[1:]]
    return short[0] if len(short) == 1 else f"{', '.join(short[:-1])} and {short[-1]}"


_UNCONVERGED = {
    "still falling": "had not converged",
    "rising": "had a rising validation error",
    "too short": "had too few epochs to tell whether it had converged",
    NOT_RECORDED: "came without a record of its training, so it is not known whether it had converged",
}


def provisional(sides: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Why a verdict is provisional, a clause each: "A had not converged"; empty if all runs had converged.

    Args:
        sides: names, each with the states of `training_state` of its runs.
    """
    told: dict[str, list[str]] = {}
    none: list[str] = []
    for name, states in sides:
        bad = [state for state in states if state in _UNCONVERGED]
        known = [state for state in bad if state != NOT_RECORDED]
        if bad and (len(states) == 1 or not known):
            whose = name if len(bad) == len(states) else f"{len(bad)} of {len(states)} seeds of {name}"
            told.setdefault(_UNCONVERGED[bad[0]], []).append(whose)
        elif bad and len(known) == len(states):
            none.append(name)
        elif bad:
            told.setdefault("had not converged", []).append(f"{len(known)} of {len(states)} seeds of {name}")
    first = [f"no seed of {' or '.join(none)} had converged"] if none else []
    return [*first, *(f"{' and '.join(names)} {what}" for what, names in told.items())]
