"""A network of SchNetPack in a saved file, as keywords of `build_network`, weights and an offset of ours.

Only what our networks express exactly is taken; anything else is refused by its name, so that a model that loads gives
the energies that SchNetPack's own forward gives (tests/models/test_schnetpack_files_network.py).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.offset import Offset
from models.schnetpack_files import MOST_TENSORS, SavedFile, opened
from models.schnetpack_files_offset import read_offset
from models.schnetpack_files_records import Record, Stored, listed

_KINDS = {"schnetpack.representation.schnet.SchNet": "schnet", "schnetpack.representation.painn.PaiNN": "painn"}
_MODEL = "schnetpack.model.base.NeuralNetworkPotential"
_SILU = {"torch.nn.functional.silu", "torch.nn.modules.activation.SiLU"}
_SHIFTED = {"schnetpack.nn.activations.shifted_softplus"}
_IDENTITY = {"torch.nn.modules.linear.Identity"}
_HOOKS = re.compile(r"_(?!.*always_called|.*with_kwargs).*hooks")
_DEEPEST = 12
MOST_KEY = 80
"""letters of the key of an output"""
_LARGEST = {"n_atom_basis": 4096, "n_interactions": 64, "n_rbf": 4096}


@dataclass(frozen=True, eq=False)
class ForeignNetwork:
    """What a saved file of SchNetPack holds, in our terms; values are in the unit that the model was trained in."""

    kind: str
    """ "schnet" or "painn" """
    keywords: dict[str, Any]
    """of `build_network` beside kind: n_atom_basis, n_interactions, n_rbf, cutoff, pooling"""
    output: str
    """the key under which SchNetPack gives its prediction"""
    offset: Offset
    adds: tuple[str, ...]
    """what SchNetPack adds to the output: "atomic energies", "mean per atom", "mean", "scale" """
    state: dict[str, NDArray[Any]] = field(repr=False)
    """the network's state dict as numpy arrays, names as `build_network`'s"""
    version: str = ""
    """of SchNetPack, where the file says it (2.2)"""
    epoch: int | None = None
    """finished epochs when a checkpoint was written; a best_model does not say"""
    step: int | None = None
    description: dict[str, Any] = field(default_factory=dict)
    """model.json of a model that Mollens has exported; empty for SchNetPack's own files"""

    @property
    def n_parameters(self) -> int:
        """All numbers of the state dict."""
        return sum(values.size for values in self.state.values())

    def offset_in(self, factor: float) -> Offset:
        """The offset with all values times `factor`: what turns the network's output into another unit."""
        offset = self.offset
        reference = {number: value * factor for number, value in offset.reference.items()}
        return Offset(offset.pooling, reference, offset.mean * factor, offset.scale * factor)


def read_network(path: Path) -> ForeignNetwork:
    """Read a best_model or a Lightning checkpoint of SchNetPack 2.0 to 2.2; nothing in it is run.

    The weights of a checkpoint are those it was validated with: SchNetPack puts its running average in place before
    validation, and the checkpoint is written before it is taken out again.

    Raises:
        ModelError: if it is no such file, damaged, names what is refused, or is a model that ours cannot express; the
            sentence names the part.
    """
    with opened(path) as file:
        try:
            return _read(file, path.name)
        except (AttributeError, TypeError, ValueError, LookupError, ArithmeticError, RecursionError) as error:
            words = f"{type(error).__name__}: {error}"[:200]  # what a hostile file has in place of what is expected
            raise ModelError(f"{path.name}: is no sound model of SchNetPack ({words}); copy the file again") from error


def _read(file: SavedFile, what: str) -> ForeignNetwork:
    content = file.content
    if isinstance(content, Record):
        if content.last == "AtomisticTask":  # best_model.task
            content = content.get("model")
        return _network(file, content, what, None)
    if not isinstance(content, dict):
        raise ModelError(f"{what}: holds {type(content).__name__}; expected a model of SchNetPack")
    weights, settings = content.get("state_dict"), content.get("hyper_parameters")
    if not isinstance(weights, dict):
        raise ModelError(
            f"{what}: holds a dictionary without state_dict; expected best_model or a Lightning checkpoint"
        )
    model = settings.get("model") if isinstance(settings, dict) else None
    if model is None:
        raise ModelError(
            f"{what}: is a checkpoint without the model among its hyperparameters; give the best_model of the run"
        )
    found = _network(file, model, what, weights)
    epoch, step = content.get("epoch"), content.get("global_step")
    return ForeignNetwork(
        **{name: getattr(found, name) for name in found.__dataclass_fields__ if name not in ("epoch", "step")},
        epoch=epoch + 1 if type(epoch) is int and 0 <= epoch < 10**9 else None,
        step=step if type(step) is int and 0 <= step < 10**12 else None,
    )


def _network(file: SavedFile, model: Any, what: str, weights: Mapping[str, Any] | None) -> ForeignNetwork:
    """The model as ours; `weights` are those of a checkpoint, which then take the place of the model's own."""
    if not isinstance(model, Record) or model.name != _MODEL:
        named = model.name if isinstance(model, Record) else type(model).__name__
        raise ModelError(f"{what}: holds {named}; expected a NeuralNetworkPotential of SchNetPack 2")
    _refuse_hooks(model, what)
    representation = model.get("representation")
    if not isinstance(representation, Record) or representation.name not in _KINDS:
        named = getattr(representation, "name", "nothing")
        raise ModelError(f"{what}: the representation is {named}; only SchNet and PaiNN can be loaded")
    kind = _KINDS[representation.name]
    others = [each.last for each in listed(model, "input_modules") if each.last != "PairwiseDistances"]
    if others:
        raise ModelError(f"{what}: input module {', '.join(others)}; only PairwiseDistances can be loaded")
    outputs = listed(model, "output_modules")
    if len(outputs) != 1 or outputs[0].last not in ("Atomwise", "DipoleMoment"):
        named = ", ".join(each.last for each in outputs) or "nothing"
        raise ModelError(
            f"{what}: output modules {named}; a model with one Atomwise or one DipoleMoment can be loaded, without "
            "forces, stress or a second output"
        )
    state = {name: stored for name, stored in _state(model, what) if not name.startswith("postprocessors.")}
    if weights is not None:
        kept = {name.removeprefix("model."): stored for name, stored in weights.items() if str(name)[:6] == "model."}
        state = {name: stored for name, stored in kept.items() if not name.startswith("postprocessors.")}
    pooling, output = _output(outputs[0], kind, what)
    keywords = _keywords(representation, kind, what) | {"pooling": pooling}
    if pooling == "dipole" and kind == "painn" and not outputs[0].get("use_vector_representation"):
        keywords["vectors"] = False  # PaiNN's dipole has them unless told not to
    offset, adds = read_offset(file, model, output, what, weights)
    return ForeignNetwork(
        kind, keywords, output, offset, adds, _numbers(file, state, what), str(model.get("spk_version") or "")[:20]
    )


def _modules(module: Record, path: str = "", depth: int = 0) -> Iterator[tuple[str, Record]]:
    """A module and all inside it, with their dotted paths."""
    yield path, module
    if depth < _DEEPEST:
        for name, child in module.children.items():
            if isinstance(child, Record):
                yield from _modules(child, f"{path}{name}.", depth + 1)


def _refuse_hooks(model: Record, what: str) -> None:
    """Refuse a model whose forward somebody has changed from outside: its file does not hold what it does."""
    for path, module in _modules(model):
        hooks = [key for key, value in module.state.items() if _HOOKS.fullmatch(str(key)) and value]
        if hooks or "forward" in module.state:
            raise ModelError(f"{what}: {path or 'the model'} has {', '.join([*hooks, 'an own forward'][:1])}; refused")


def _state(model: Record, what: str) -> Iterator[tuple[str, Stored]]:
    """Parameters and persistent buffers with the names of a state dict."""
    for path, module in _modules(model):
        passing = module.state.get("_non_persistent_buffers_set")
        passing = passing if isinstance(passing, set) else set()
        for room in ("_parameters", "_buffers"):
            values = module.state.get(room)
            for name, stored in values.items() if isinstance(values, dict) else ():
                if name in passing or stored is None:
                    continue
                if not isinstance(stored, Stored):
                    raise ModelError(f"{what}: {path}{name} is no tensor; the file is damaged")
                yield f"{path}{name}", stored


def _numbers(file: SavedFile, state: Mapping[str, Any], what: str) -> dict[str, NDArray[Any]]:
    """The numbers of a state dict; sizes are looked at before any is read."""
    for name, stored in state.items():
        if not isinstance(stored, Stored):
            raise ModelError(f"{what}: {name} is no tensor; the file is damaged")
        if stored.dtype != "<f4":
            raise ModelError(f"{what}: {name} is of type {stored.dtype or 'bfloat16'}; models in float32 can be loaded")
    total = sum(file.size_of(stored) for stored in state.values())
    if total > MOST_TENSORS:
        raise ModelError(f"{what}: its weights take {total:,} bytes; at most {MOST_TENSORS:,} are read")
    return {name: file.array(stored) for name, stored in state.items()}


def _keywords(representation: Record, kind: str, what: str) -> dict[str, Any]:
    """What `build_network` needs to make the same representation; refuses what it would make differently."""
    basis, cutoff_fn = representation.get("radial_basis"), representation.get("cutoff_fn")
    _expect(basis, "GaussianRBF", "the radial basis", what)
    _expect(cutoff_fn, "CosineCutoff", "the cutoff function", what)
    _expect(representation.get("embedding"), "Embedding", "the embedding of the elements", what)
    if listed(representation, "electronic_embeddings"):
        named = ", ".join(each.last for each in listed(representation, "electronic_embeddings"))
        raise ModelError(f"{what}: has {named}; models without electronic embeddings can be loaded")
    interactions = listed(representation, "interactions")
    shared = len({id(each) for each in interactions}) < len(interactions)
    if shared or representation.get("share_filters") or representation.get("shared_filters"):
        raise ModelError(f"{what}: interactions or filters are shared; models without sharing can be loaded")
    n_features = representation.get("n_atom_basis")
    if kind == "schnet" and representation.get("n_filters", n_features) != n_features:
        raise ModelError(
            f"{what}: {representation.get('n_filters')} filters for {n_features} features; models with as many filters "
            "as features can be loaded"
        )
    if kind == "painn":
        _check_epsilon(representation, what)
    _check_activations(representation, _SHIFTED if kind == "schnet" else _SILU, what)
    sizes = {"n_atom_basis": n_features, "n_interactions": len(interactions), "n_rbf": basis.get("n_rbf")}
    check_sizes(sizes, what)
    return sizes | {"cutoff": 0.0}  # the cutoff is a number of the state dict; `network_keywords` puts it in


def check_sizes(sizes: Mapping[str, Any], what: str) -> None:
    """Refuse keywords of `build_network` that are missing or larger than those of any network.

    Raises:
        ModelError: naming the keyword.
    """
    for key, most in _LARGEST.items():
        value = sizes.get(key)
        if type(value) is not int or not 1 <= value <= most:
            raise ModelError(f"{what}: {key} is {str(value)[:40]}; expected 1 to {most:,}")


def network_keywords(found: ForeignNetwork) -> dict[str, Any]:
    """The keywords of `build_network`, with the cutoff that stands among the numbers.

    Raises:
        ModelError: if that is no positive length, or the network has far more numbers than the file.
    """
    cutoff = found.state.get("representation.cutoff_fn.cutoff", np.zeros(1))
    value = float(cutoff.reshape(-1)[0]) if cutoff.size == 1 else math.nan
    if not 0 < value <= 100:
        raise ModelError(f"the cutoff is {value} Å; expected a positive one of at most 100")
    width = found.keywords["n_atom_basis"]
    least = found.keywords["n_interactions"] * width * max(width, found.keywords["n_rbf"])
    if found.n_parameters < least:  # before anybody builds it: a short file can ask for any size
        raise ModelError(
            f"a network of {found.keywords['n_interactions']} interactions and {width:,} features has more than "
            f"{least:,} numbers; the file has {found.n_parameters:,}"
        )
    # the shortest number that has these float32 bits: 4.0 for 4.0, 4.6 for 4.5999999
    return found.keywords | {"cutoff": float(str(np.float32(value)))}


def _expect(part: Any, last: str, words: str, what: str) -> None:
    if not isinstance(part, Record) or part.last != last:
        named = getattr(part, "name", None) or "nothing"
        raise ModelError(f"{what}: {words} is {named}; only {last} can be loaded")


def _check_epsilon(representation: Record, what: str) -> None:
    for mixing in listed(representation, "mixing"):
        if mixing.get("epsilon") != 1e-8:
            raise ModelError(f"{what}: epsilon of PaiNN is {mixing.get('epsilon')!r}; 1e-8 can be loaded")


def _check_activations(module: Record, usual: set[str], what: str) -> None:
    """Refuse activations other than the usual ones of a network."""
    for path, part in _modules(module):
        for key in ("activation", "sactivation"):
            function = part.get(key)
            if function is None:
                continue
            name = _function_name(function)
            if name not in usual | _IDENTITY:
                raise ModelError(f"{what}: {path}{key} is {name}; only {sorted(usual)[0]} can be loaded there")


def _function_name(function: Any) -> str:
    """The name of a function (a class of records that nobody has called) or of a module."""
    name = getattr(function, "name", None)
    return name if isinstance(name, str) else type(function).__name__


def _output(module: Record, kind: str, what: str) -> tuple[str, str]:
    """Pooling of an output module, and the key of its prediction."""
    if module.last == "DipoleMoment":
        vectors = bool(module.get("use_vector_representation"))
        if not module.get("predict_magnitude") or not module.get("correct_charges") or module.get("return_charges"):
            raise ModelError(f"{what}: the dipole is not predicted as a norm with corrected charges; refused")
        if vectors and kind != "painn":
            raise ModelError(f"{what}: DipoleMoment with vector features of SchNet, which has none; refused")
        pooling, key = "dipole", module.get("dipole_key")
    else:
        mode = module.get("aggregation_mode")
        pooling = {"sum": "sum", "avg": "mean"}.get(str(mode), "")
        if not pooling:
            raise ModelError(f"{what}: atoms are put together by {mode!r}; sum and avg can be loaded")
        if module.get("n_out") != 1 or module.get("per_atom_output_key") is not None:
            raise ModelError(
                f"{what}: Atomwise gives several values or values per atom; one per molecule can be loaded"
            )
        key = module.get("output_key")
    _check_activations(module, _SILU, what)
    if not isinstance(key, str) or not key or len(key) > MOST_KEY:
        raise ModelError(f"{what}: the key of the output is {key!r}; expected a name")
    return pooling, key
