"""Molecular datasets: the packed store, its cards, splits, neighbour lists and counts."""
