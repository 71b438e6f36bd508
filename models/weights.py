"""A trained model on disk: model.safetensors (numbers only) and model.json (what builds the network)."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError

from models.errors import ModelError
from models.offset import Offset
from models.registry import build_network
from models.schnetpack_compat import NeuralNetworkPotential

FORMAT = 1
WEIGHTS_FILE = "model.safetensors"
DESCRIPTION_FILE = "model.json"
NEXT_DESCRIPTION_FILE = "model.next.json"
"""What model.json is about to become while the two files are replaced one after the other: written first, renamed last,
so that at every moment one of the two descriptions fits the weights. A writer that was killed leaves it behind."""
LOOKS = 3  # at files that are being replaced
COMPOSITION = "composition"
"""Kind of the model that is nothing but an offset."""


@dataclass(frozen=True)
class TrainedModel:
    """A network with what turns its output into the target; the composition model is an offset without a network."""

    network: NeuralNetworkPotential | None
    offset: Offset
    description: dict[str, Any]
    """All of model.json: kind, network (keywords), target, unit, neighbour_cutoff, offset, epoch, ..."""

    @property
    def target(self) -> str:
        """Key of the property that is predicted."""
        return str(self.description["target"])

    @property
    def neighbour_cutoff(self) -> float:
        """Radius of the neighbour list that the network was trained with, in Å."""
        return float(self.description["neighbour_cutoff"])


def pack_model(
    state: Mapping[str, torch.Tensor],
    *,
    kind: str,
    network: Mapping[str, Any],
    offset: Offset,
    target: str,
    unit: str,
    neighbour_cutoff: float,
    extra: Mapping[str, Any] | None = None,
) -> tuple[bytes, dict[str, Any]]:
    """Give the bytes of model.safetensors and the dictionary of model.json.

    `state` is the network's state dict, `network` the keywords of `build_network` beside `kind`, `extra` further
    plain values (epoch, validation error). The description holds the checksum of the weights, so that files of two
    models are not taken for one.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    weights = safetensors.torch.save(tensors)
    description = {
        "format": FORMAT,
        "kind": kind,
        "network": dict(network),
        "target": target,
        "unit": unit,
        "neighbour_cutoff": neighbour_cutoff,
        "offset": offset.to_dict(),
        "n_parameters": sum(value.numel() for value in tensors.values()),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        **(extra or {}),
    }
    return weights, description


def load_model(folder: Path) -> TrainedModel:
    """Read a model from a run folder, in evaluation mode on the CPU.

    Raises ModelError when a file is missing, damaged, newer than this version, or does not fit the other.
    """
    weights_path = folder / WEIGHTS_FILE
    found = None
    for _ in range(LOOKS):  # a job may replace both files between two lines of this
        found = found or read_pair(folder)
    if found is None:
        raise ModelError(f"{weights_path}: damaged, or of another model than {DESCRIPTION_FILE}; resume or train again")
    description, weights = found
    try:
        state = safetensors.torch.load(weights)
    except SafetensorError as error:
        raise ModelError(f"{weights_path}: damaged ({error}); train the run again") from error
    offset = Offset.from_dict(description["offset"])
    if description["kind"] == COMPOSITION:
        return TrainedModel(None, offset, description)
    network = _build(description, folder / DESCRIPTION_FILE)
    load_state(network, state, str(weights_path))
    network.eval()
    return TrainedModel(network, offset, description)


def read_pair(folder: Path) -> tuple[dict[str, Any], bytes] | None:
    """The description and the weights that fit together, or None if none does."""
    weights_path = folder / WEIGHTS_FILE
    descriptions = []
    with suppress(ModelError):  # there is none as a rule, or it is being renamed
        descriptions.append(_read_description(folder / NEXT_DESCRIPTION_FILE))
    if not descriptions or (folder / DESCRIPTION_FILE).exists():
        descriptions.append(_read_description(folder / DESCRIPTION_FILE))
    try:
        weights = weights_path.read_bytes()
    except OSError as error:
        raise ModelError(f"{weights_path}: cannot be read ({error.strerror}); train the run again") from error
    digest = hashlib.sha256(weights).hexdigest()
    return next(((each, weights) for each in descriptions if each["weights_sha256"] == digest), None)


def load_state(network: torch.nn.Module, state: Mapping[str, torch.Tensor], name: str) -> None:
    """Put weights into a network; raises ModelError unless every name, shape and type fits."""
    own = network.state_dict()
    missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    if missing or unknown:
        raise ModelError(f"{name}: weights do not fit the network; missing {missing}, unknown {unknown}")
    for key, value in own.items():
        if state[key].shape != value.shape or state[key].dtype != value.dtype:
            raise ModelError(
                f"{name}: {key} is {tuple(state[key].shape)} {state[key].dtype}; "
                f"the network has {tuple(value.shape)} {value.dtype}"
            )
    network.load_state_dict(state)


def _build(description: Mapping[str, Any], path: Path) -> NeuralNetworkPotential:
    """The network that model.json describes, with first weights; keywords that build none are told as ModelError."""
    keywords = description["network"]
    try:
        return build_network(description["kind"], **keywords)
    except (ModelError, TypeError, ValueError, IndexError, ArithmeticError, RuntimeError) as error:
        first = str(error).strip().split("\n")[0]
        raise ModelError(f"{path}: damaged (network is {keywords!r}: {first}); train the run again") from error


def _read_description(path: Path) -> dict[str, Any]:
    """Read model.json and check that all is there."""
    try:
        description = json.loads(path.read_text())
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); the run has no trained model yet") from error
    except ValueError as error:
        raise ModelError(f"{path}: damaged ({error}); train the run again") from error
    if not isinstance(description, dict) or not isinstance(description.get("format"), int):
        raise ModelError(f"{path}: damaged (no format); train the run again")
    if description["format"] > FORMAT:
        raise ModelError(f"{path}: format {description['format']} is newer than {FORMAT}; use a newer Mollens")
    needed = ("kind", "network", "target", "unit", "neighbour_cutoff", "offset", "weights_sha256")
    missing = [key for key in needed if key not in description]
    if missing:
        raise ModelError(f"{path}: damaged ({', '.join(missing)} missing); train the run again")
    _check_types(description, path)
    return description


def _check_types(description: Mapping[str, Any], path: Path) -> None:
    """Refuse values that are not what `pack_model` writes."""
    for key in ("kind", "target", "unit", "weights_sha256"):
        if not isinstance(description[key], str):
            raise ModelError(f"{path}: damaged ({key} is {description[key]!r}; expected a text); train the run again")
    network = description["network"]
    if not isinstance(network, dict):
        raise ModelError(f"{path}: damaged (network is {network!r}; expected an object); train the run again")
    lengths = {"neighbour_cutoff": description["neighbour_cutoff"], "cutoff": network.get("cutoff", 1.0)}
    for key, value in lengths.items():
        if not (isinstance(value, int | float) and 0 < value < float("inf")):
            raise ModelError(f"{path}: damaged ({key} is {value!r}; expected a positive number); train the run again")
