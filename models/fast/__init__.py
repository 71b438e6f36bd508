"""Fast forwards of SchNetPack's networks: exact, or with filters interpolated on a grid of distances."""

from models.fast.forward import FILTERS, GRID_POINTS, PairForward
from models.fast.pairs import PairBatch

__all__ = ["FILTERS", "GRID_POINTS", "PairBatch", "PairForward"]
