"""The baseline, linear in composition, and the references that are taken from a target before a network learns it."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.data.card import Card
from core.data.molecules import NUMBERS, Molecules
from core.data.properties import Property
from core.errors import MollensError
from models.offset import Offset

Float64 = NDArray[np.float64]


def fit_composition(
    molecules: Molecules,
    rows: NDArray[np.int64],
    values: Float64,
    pooling: str,
    known: Mapping[int, float] | None = None,
) -> Offset:
    """Least squares of the target in the atom counts (pooling "sum") or in the elements' shares (all others).

    `rows` (n,) are the training molecules and `values` (n,) their targets. No constant is fitted: an extensive target
    of no atoms is zero, and shares add up to one, so that they hold a constant already.

    Where the training molecules do not determine an element's value (it does not occur, or only in a fixed ratio to
    others), the fit stays as near as it can to `known` (free atoms, by atomic number) and, for elements not named
    there, to the mean per atom or the mean: such an element then costs little, not its whole energy.
    """
    counts = molecules.element_counts[rows].astype(np.float64)  # (n, n_elements)
    sizes = counts.sum(axis=1)
    features = counts if pooling == "sum" else counts / sizes[:, None]
    typical = float(np.mean(values / sizes if pooling == "sum" else values))
    start = np.array([(known or {}).get(number, typical) for number in molecules.elements])
    change, *_ = np.linalg.lstsq(features, values - features @ start, rcond=None)
    reference = dict(zip(molecules.elements, (start + change).tolist(), strict=True))
    return Offset("sum" if pooling == "sum" else "mean", reference)


def free_atoms(card: Card, key: str) -> dict[int, float]:
    """The card's energies of free atoms for a property, by atomic number; empty where it has none."""
    return {NUMBERS[symbol]: value for symbol, value in card.atomic_energies.get(key, {}).items()}


def network_offset(
    reference: str,
    target: Property,
    card: Card,
    molecules: Molecules,
    rows: NDArray[np.int64],
    values: Float64,
    baseline: Offset,
) -> Offset:
    """What the network does not learn: reference, mean and scale, from the training molecules only.

    Extensive targets: `reference` "composition" takes the baseline, "atomic_energies" the card's free atoms and the
    mean per atom (SchNetPack's convention: the mean over molecules of value / n_atoms). Intensive targets: the mean,
    whatever the reference; a dipole moment, which is the norm of a vector, has nothing taken from it. The scale is the
    standard deviation of what is left, over molecules.

    Raises:
        MollensError: for "atomic_energies" where the card has none of an element that occurs.
    """
    sizes = molecules.sizes[rows]
    if target.output == "dipole":
        offset = Offset("mean")
    elif target.output == "mean":
        offset = Offset("mean", mean=float(values.mean()))
    elif reference == "composition":
        offset = baseline
    else:
        atoms = free_atoms(card, target.key)
        missing = [
            symbol for symbol, number in zip(molecules.symbols, molecules.elements, strict=True) if number not in atoms
        ]
        if missing:
            raise MollensError(
                f"dataset {card.name}: its card has no atomic energy of {', '.join(missing)} for {target.key}; "
                "use the reference 'composition'"
            )
        bare = Offset("sum", {number: atoms[number] for number in molecules.elements})
        left = values - bare.of(molecules.element_counts[rows], molecules.elements)
        offset = Offset("sum", bare.reference, mean=float((left / sizes).mean()))
    left = values - offset.of(molecules.element_counts[rows], molecules.elements)
    spread = float(left.std())
    return Offset(offset.pooling, offset.reference, offset.mean, scale=spread if spread > 0 else 1.0)
