"""Seeds for torch's own generators, from the named streams of a run's seed."""

from core.recipes.streams import stream


def torch_seed(seed: int, name: str) -> int:
    """Seed for torch's own generator of the stream `name`."""
    return int(stream(seed, name).integers(2**63))
