"""Units of files and their factors to the units inside Mollens.

A unit is read as a product of powers: its value in eV, Angstrom, e, K and GHz, and its dimension as exponents of those.
Two units fit each other where the dimensions agree. Constants are those of ase.units (CODATA 2014).
"""

from __future__ import annotations

import re
from functools import lru_cache

from ase import units as ase

from core.errors import MollensError

Dimension = tuple[int, int, int, int, int]
"""exponents of energy, length, charge, temperature, frequency"""

_ENERGY: Dimension = (1, 0, 0, 0, 0)
_LENGTH: Dimension = (0, 1, 0, 0, 0)
_CHARGE: Dimension = (0, 0, 1, 0, 0)
_KELVIN: Dimension = (0, 0, 0, 1, 0)
_FREQUENCY: Dimension = (0, 0, 0, 0, 1)
_NONE: Dimension = (0, 0, 0, 0, 0)

_LIGHT = 29.9792458
"""GHz per cm^-1"""

# word -> value, dimension; lower case unless the case tells units apart
_WORDS: dict[str, tuple[float, Dimension]] = {
    **dict.fromkeys(("ev", "electronvolt", "electronvolts"), (1.0, _ENERGY)),
    **dict.fromkeys(("ha", "hartree", "hartrees", "eh", "e_h"), (ase.Hartree, _ENERGY)),
    **dict.fromkeys(("mha", "mhartree", "millihartree", "meh"), (ase.Hartree / 1000, _ENERGY)),
    **dict.fromkeys(("ry", "rydberg", "rydbergs"), (ase.Rydberg, _ENERGY)),
    "mev": (1e-3, _ENERGY),
    "kcal": (ase.kcal, _ENERGY),
    "cal": (ase.kcal / 1000, _ENERGY),
    "kj": (ase.kJ, _ENERGY),
    "j": (ase.kJ / 1000, _ENERGY),
    "mol": (ase.mol, _NONE),
    **dict.fromkeys(("angstrom", "angstroms", "angstroem", "ang", "a"), (1.0, _LENGTH)),
    **dict.fromkeys(("bohr", "bohrs"), (ase.Bohr, _LENGTH)),
    "nm": (10.0, _LENGTH),
    "pm": (0.01, _LENGTH),
    "cm": (1e8, _LENGTH),
    "e": (1.0, _CHARGE),
    **dict.fromkeys(("d", "debye", "debyes"), (ase.Debye, (0, 1, 1, 0, 0))),
    **dict.fromkeys(("k", "kelvin"), (1.0, _KELVIN)),
    "ghz": (1.0, _FREQUENCY),
    "mhz": (1e-3, _FREQUENCY),
}
_OFFERED: dict[str, tuple[str, ...]] = {
    "eV": ("eV", "Ha", "kcal/mol", "kJ/mol", "meV", "mHa", "Ry", "cm^-1"),
    "eV/Angstrom": (
        "eV/Angstrom", "Ha/Bohr", "kcal/mol/Angstrom", "kJ/mol/Angstrom", "kJ/mol/nm", "meV/Angstrom", "Ha/Angstrom",
        "eV/Bohr", "Ry/Bohr",
    ),
    "Angstrom": ("Angstrom", "Bohr", "nm"),
    "D": ("D", "e*Angstrom", "e*a0"),
    "cal/(mol K)": ("cal/(mol K)", "J/(mol K)", "kcal/(mol K)", "eV/K", "Ha/K"),
    "a0^3": ("a0^3", "Angstrom^3"),
    "a0^2": ("a0^2", "Angstrom^2"),
    "GHz": ("GHz", "MHz", "cm^-1"),
    "e": ("e",),
}  # fmt: skip
_ATOMIC: dict[Dimension, str] = {
    _ENERGY: "Ha", _LENGTH: "Bohr", (1, -1, 0, 0, 0): "Ha/Bohr", (0, 1, 1, 0, 0): "e*a0", _CHARGE: "e",
    (0, 3, 0, 0, 0): "a0^3", (0, 2, 0, 0, 0): "a0^2",
}  # fmt: skip
_SPOKEN = {"a.u.", "au", "a.u", "atomic units", "atomic unit", "atomic_units"}
_PLAIN = str.maketrans({
    "Å": "A", "\u212b": "A", "·": "*", "⋅": "*", "×": "*", "−": "-", "⁻": "-", "₀": "0", "⁰": "0", "¹": "1", "²": "2",
    "³": "3", "{": "(", "}": ")", "[": "(", "]": ")",
})  # fmt: skip
_TOKEN = re.compile(r"\s*(?:([A-Za-z_]+)(?:\^?\(?([+-]?\d)\)?)?|([*/()]))(?=[\s*/()A-Za-z_]|$)|\s+$")


def factor(unit: str, house: str) -> float:
    """What a value in `unit` is multiplied with to be in `house`.

    Raises:
        MollensError: if the unit is not known or measures something else.
    """
    if unit == house:
        return 1.0
    into = _parse(house)
    if unit.strip().lower() in _SPOKEN and into is not None and into[1] in _ATOMIC:
        unit = _ATOMIC[into[1]]
    found = _parse(unit)
    if found is not None and into is not None:
        value, dimension = found
        if dimension == into[1]:
            return value / into[0]
        if dimension == (0, -1, 0, 0, 0):  # a wavenumber
            per_cm = value / _parse_known("cm^-1")[0]
            if into[1] == _FREQUENCY:
                return per_cm * _LIGHT / into[0]
            if into[1] == _ENERGY:
                return per_cm * ase.invcm / into[0]
    raise MollensError(
        f"unit {unit!r}: is no unit for a quantity in {house or 'pure numbers'}; "
        f"known are {', '.join(units_for(house)) or 'none'}"
    )


def fits(unit: str, house: str) -> bool:
    """Whether a value in `unit` can be given in `house`."""
    try:
        factor(unit, house)
    except MollensError:
        return False
    return True


def units_for(house: str) -> tuple[str, ...]:
    """Units that a file may have for a quantity in `house`, the house unit first."""
    return _OFFERED.get(house, (house,) if house else ())


def usual_spelling(unit: str, house: str) -> str:
    """The spelling of `unit` that Mollens itself uses for a quantity in `house`: "Ha" for "hartree".

    Raises:
        MollensError: if it does not fit.
    """
    value = factor(unit, house)
    return next((known for known in units_for(house) if abs(factor(known, house) / value - 1) < 1e-9), unit)


def house_unit(unit: str) -> str | None:
    """The unit inside Mollens of what `unit` measures; None where it measures nothing that Mollens knows."""
    found = _parse(unit)
    houses = [house for house in _OFFERED if found is not None and _parse_known(house)[1] == found[1]]
    return houses[0] if houses else None


def unit_in_name(name: str) -> tuple[str, str | None]:
    """A column's name without the unit at its end, and that unit: "gap_eV" is ("gap", "eV"), "gap" is ("gap", None)."""
    bracketed = re.fullmatch(r"(.+?)[\s_-]*[\[(]([^\[\]]+)[\])]", name)
    if bracketed and (bracketed[2].lower() in _SPOKEN or house_unit(bracketed[2])):
        return bracketed[1], bracketed[2]
    words = re.split(r"[\s_./-]+", name)
    for n in (4, 3, 2, 1):
        tail = words[-n:]
        if len(words) > n and (unit := _unit_of_words([word for word in tail if word.lower() != "per"])):
            return name[: _start_of_last(name, n)].rstrip(" _./-"), unit
    return name, None


def _start_of_last(name: str, n: int) -> int:
    return [match.start() for match in re.finditer(r"[^\s_./-]+", name)][-n]


def _unit_of_words(words: list[str]) -> str | None:
    """A unit of underscored words: kcal_mol, eV_A, kcal_mol_Ang; single letters count only behind an energy."""
    if not words or (len(words) == 1 and len(words[0]) == 1):
        return None
    unit = words[0] + "".join(f"/{word}" for word in words[1:])
    return unit if house_unit(unit) and len(words[0]) > 1 else None


def _parse_known(unit: str) -> tuple[float, Dimension]:
    found = _parse(unit)
    assert found is not None
    return found


@lru_cache(maxsize=256)
def _parse(unit: str) -> tuple[float, Dimension] | None:
    """Value and dimension of a unit written as a product; None where a word is not known."""
    text = re.sub(r"(?<![A-Za-z0-9])a_?0(?!\d*[A-Za-z])", "bohr", unit.translate(_PLAIN).replace("**", "^").strip())
    text = re.sub(r"\bper\b", "/", re.sub(r"(?<=[A-Za-z])\.(?=[A-Za-z])", "*", text))
    text = re.sub(r"^1\s*/", "/", text)
    if not text or len(text) > 60:
        return None
    value, powers, sign, signs, at = 1.0, [0] * 5, 1, [1], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.end() == at:
            return None
        at = match.end()
        word, power, mark = match.groups()
        if mark == "/":
            sign = -signs[-1]
        elif mark == "*":
            sign = signs[-1]
        elif mark == "(":
            signs.append(sign)
        elif mark == ")":
            if len(signs) == 1:
                return None
            signs.pop()
            sign = signs[-1]
        elif word:
            known = None if word.startswith(("Me", "MH")) and word != "MHz" else _WORDS.get(word.lower())
            if known is None:
                return None
            exponent = sign * int(power or 1)
            value *= known[0] ** exponent
            powers = [p + exponent * q for p, q in zip(powers, known[1], strict=True)]
            sign = signs[-1]  # a stroke divides by the next word only
    if len(signs) != 1 or text[-1] in "*/":
        return None
    return value, (powers[0], powers[1], powers[2], powers[3], powers[4])
