"""A network that Mollens has exported as weights and description, in the terms of a loaded one; nothing to unpickle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.numpy
from safetensors import SafetensorError

from models.errors import ModelError
from models.offset import Offset
from models.registry import REPRESENTATIONS
from models.schnetpack_files import MOST_TENSORS
from models.schnetpack_files_network import MOST_KEY, ForeignNetwork, check_sizes
from models.weights import DESCRIPTION_FILE, WEIGHTS_FILE, read_pair

_MOST_DESCRIPTION = 4 << 20  # bytes; ours have 2 to 5 thousand
_KEYWORDS = ("n_atom_basis", "n_interactions", "n_rbf", "cutoff", "pooling", "vectors")


def read_exported_network(folder: Path) -> ForeignNetwork:
    """Read model.safetensors and model.json; sizes are looked at before any number is read.

    Raises:
        ModelError: if one is missing, damaged or too large, they are of two models, or it is no network.
    """
    for name, most in ((DESCRIPTION_FILE, _MOST_DESCRIPTION), (WEIGHTS_FILE, MOST_TENSORS)):
        try:
            n_bytes = (folder / name).stat().st_size
        except OSError as error:
            raise ModelError(f"{name}: cannot be read ({error.strerror}); export the model again") from error
        if n_bytes > most:
            raise ModelError(f"{name}: has {n_bytes:,} bytes; at most {most:,} are read")
    found = read_pair(folder)
    if found is None:
        raise ModelError(f"{WEIGHTS_FILE}: damaged, or of another model than {DESCRIPTION_FILE}; export it again")
    description, weights = found
    if not 0 < len(description["target"]) <= MOST_KEY:
        raise ModelError(f"{DESCRIPTION_FILE}: target is {description['target'][:40]!r}; expected a property's key")
    keywords = _checked_keywords(description)
    offset = Offset.from_dict(description["offset"])
    try:
        state = safetensors.numpy.load(weights)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{WEIGHTS_FILE}: damaged ({error}); export the model again") from error
    return ForeignNetwork(
        kind=description["kind"],
        keywords=keywords,
        output=description["target"],
        offset=offset,
        adds=_adds(offset, keywords["pooling"]),
        state=state,
        description=description,
    )


def _checked_keywords(description: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of `build_network`, none unknown and none larger than a network is."""
    kind = description["kind"]
    if kind not in REPRESENTATIONS:
        raise ModelError(f"{DESCRIPTION_FILE}: kind is {kind[:40]!r}; only SchNet and PaiNN can be loaded")
    keywords = {"pooling": "sum", **description["network"]}
    unknown = sorted(str(key)[:40] for key in keywords.keys() - set(_KEYWORDS))
    if unknown:
        raise ModelError(f"{DESCRIPTION_FILE}: network has {', '.join(unknown[:5])}, which is not known; refused")
    check_sizes(keywords, DESCRIPTION_FILE)
    if keywords["pooling"] not in ("sum", "mean", "dipole") or keywords.get("vectors") not in (None, True, False):
        raise ModelError(f"{DESCRIPTION_FILE}: pooling is {str(keywords['pooling'])[:40]!r}; refused")
    return keywords


def _adds(offset: Offset, pooling: str) -> tuple[str, ...]:
    """What is added to the output, in the words of `ForeignNetwork.adds`."""
    mean = "mean per atom" if pooling == "sum" else "mean"
    parts = (("atomic energies", bool(offset.reference)), (mean, offset.mean != 0), ("scale", offset.scale != 1))
    return tuple(words for words, there in parts if there)
