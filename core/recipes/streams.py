"""Named random streams: one seed per run feeds init, order, sampling, each independent of the others."""

import zlib

import numpy as np


def stream(seed: int, name: str, *place: int) -> np.random.Generator:
    """Generator of the stream `name` of a run's seed, at a place in it (for `order`: the epoch).

    The same arguments give the same numbers on every machine, so that a resumed run needs no stored state for them.
    """
    return np.random.default_rng([seed, zlib.crc32(name.encode()), *place])
