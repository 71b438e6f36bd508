"""What stands between a network's output and the target: reference per element, mean and scale, in float64."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Offset:
    """The part of a target that the network does not learn.

    Sum pooling (extensive): target = scale * network + mean * n_atoms + sum over atoms of reference[Z].
    Mean pooling (intensive): target = scale * network + mean + mean over atoms of reference[Z].

    These are SchNetPack's ScaleProperty(scale) followed by
    AddOffsets(add_mean=True, add_atomrefs=True, is_extensive=pooling == "sum").
    """

    pooling: str
    """"sum" or "mean"."""
    reference: Mapping[int, float] = field(default_factory=dict)
    """Atomic number -> reference value in the target's unit; elements not named here count zero."""
    mean: float = 0.0
    """Target's unit; per atom for sum pooling, per molecule for mean pooling."""
    scale: float = 1.0
    """Target's unit per unit of the network's output; positive."""

    def __post_init__(self) -> None:
        values = np.array([self.mean, self.scale, *self.reference.values()], dtype=np.float64)
        if self.pooling not in ("sum", "mean"):
            raise ModelError(f"offset: pooling is '{self.pooling}'; expected sum or mean")
        if not np.isfinite(values).all() or self.scale <= 0:
            raise ModelError(f"offset: scale is {self.scale} and mean {self.mean}; expected finite, scale positive")

    def of(self, counts: NDArray[np.int64], elements: Sequence[int]) -> Float64:
        """Offset of every molecule, (n_molecules,) float64 in the target's unit.

        `counts` (n_molecules, n_elements) are atoms of each of the atomic numbers `elements` in each molecule.
        """
        reference = np.array([self.reference.get(number, 0.0) for number in elements], dtype=np.float64)
        n_atoms = counts.sum(axis=1)
        total = counts @ reference
        return total + self.mean * n_atoms if self.pooling == "sum" else total / n_atoms + self.mean

    def target(self, output: Any, offsets: Float64) -> Float64:
        """Target's value from the network's outputs (n_molecules,) and the molecules' offsets, in float64."""
        return offsets + self.scale * np.asarray(output, dtype=np.float64)

    def residual(self, target: Float64, offsets: Float64) -> Float64:
        """What the network has to give for these targets, (n_molecules,) float64, no unit."""
        return (target - offsets) / self.scale

    def to_dict(self) -> dict[str, Any]:
        """Plain values for model.json; floats keep every bit through JSON."""
        return {
            "pooling": self.pooling,
            "reference": {str(number): float(value) for number, value in sorted(self.reference.items())},
            "mean": float(self.mean),
            "scale": float(self.scale),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Offset":
        """Read what `to_dict` wrote; raises ModelError where something is missing or not a number."""
        try:
            return cls(
                pooling=str(values["pooling"]),
                reference={int(number): float(value) for number, value in values["reference"].items()},
                mean=float(values["mean"]),
                scale=float(values["scale"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"offset: {error!r}; expected pooling, reference, mean and scale") from error
