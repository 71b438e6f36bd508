"""The one door to SchNetPack: the shims for its versions, then the names that Mollens uses.

SchNetPack 2.0.4 imports `T_co` from `torch.utils.data.dataloader`; torch has not had it there since 2.5.
SchNetPack 2.2.0 (Python 3.12) imports `_T_co`, which torch has, and needs nothing.
Import SchNetPack's names from here, or import this module before `schnetpack`.
"""

import typing

from torch.utils.data import dataloader

if not hasattr(dataloader, "T_co"):
    dataloader.T_co = typing.TypeVar("T_co", covariant=True)  # type: ignore[attr-defined]

from schnetpack import properties
from schnetpack.atomistic import Atomwise, DipoleMoment, PairwiseDistances
from schnetpack.model import NeuralNetworkPotential
from schnetpack.nn import CosineCutoff, GaussianRBF
from schnetpack.nn.activations import shifted_softplus
from schnetpack.representation import PaiNN, SchNet
from schnetpack.transform import AddOffsets, CastTo64, ScaleProperty

__all__ = [
    "AddOffsets",
    "Atomwise",
    "CastTo64",
    "CosineCutoff",
    "DipoleMoment",
    "GaussianRBF",
    "NeuralNetworkPotential",
    "PaiNN",
    "PairwiseDistances",
    "ScaleProperty",
    "SchNet",
    "properties",
    "shifted_softplus",
]
