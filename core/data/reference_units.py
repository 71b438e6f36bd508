"""The unit of a model or a table, told by the energies of its free atoms."""

from __future__ import annotations

from collections.abc import Mapping

from core.data.units import factor, units_for

SAME = 1e-3
"""relative; what an atomic energy may differ by from that of a card, in some unit, to be in that unit"""
FEWEST = 2


def unit_by_atoms(reference: Mapping[str, float], known: Mapping[str, float], house: str) -> str | None:
    """The unit in which the energies `reference` of free atoms, by symbol, are the `known` ones, which are in `house`.

    None where fewer than two elements have both, or no unit makes them equal.
    """
    both = [(value, known[symbol]) for symbol, value in reference.items() if known.get(symbol)]
    for unit in units_for(house):
        scale = factor(unit, house)
        if len(both) >= FEWEST and all(abs(theirs * scale / ours - 1) < SAME for theirs, ours in both):
            return unit
    return None
