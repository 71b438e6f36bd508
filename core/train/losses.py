"""Losses per molecule, on the scaled residual, and what a logged step says about them."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

EXTREMES = 5
"""Molecules in the band of the smallest and the largest losses of a batch."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def molecule_losses(kind: str, output: Tensor, residual: Tensor) -> Tensor:
    """Loss of each molecule, (n_molecules,), of scaled residuals; huber turns from square to linear at 1."""
    if kind == "mse":
        return functional.mse_loss(output, residual, reduction="none")
    if kind == "mae":
        return functional.l1_loss(output, residual, reduction="none")
    return functional.huber_loss(output, residual, reduction="none", delta=1.0)


def losses_of_nothing(kind: str, residual: NDArray[np.float64]) -> NDArray[np.float64]:
    """Loss of each molecule (n_molecules,) for a network that always gives zero."""
    scaled = torch.from_numpy(residual)
    return molecule_losses(kind, torch.zeros_like(scaled), scaled).numpy()


def loss_unit(kind: str, scale: float) -> float:
    """Factor from the loss of scaled residuals to the target's unit (mae) or its square (mse, huber)."""
    return scale if kind == "mae" else scale * scale


def describe_losses(losses: Tensor, factor: float, weights: Tensor | None = None) -> dict[str, Any]:
    """Least, mean and largest loss of a batch, and means of its five smallest and largest, all weighted as minimised.

    Mean and quantiles without weights stand beside them: only those can be compared between recipes. `losses` (n,) are
    unweighted, `weights` (n,) or None.
    """
    bare = np.sort(losses.detach().to("cpu", torch.float64).numpy()) * factor
    values = bare
    if weights is not None:
        values = np.sort((losses.detach() * weights).to("cpu", torch.float64).numpy()) * factor
    return {
        "loss_min": float(values[0]),
        "loss_mean": float(values.mean()),
        "loss_max": float(values[-1]),
        "loss_low5": float(values[:EXTREMES].mean()),
        "loss_high5": float(values[-EXTREMES:].mean()),
        "loss_unweighted": float(bare.mean()),
        "loss_quantiles": [float(value) for value in np.quantile(bare, QUANTILES)],
    }
