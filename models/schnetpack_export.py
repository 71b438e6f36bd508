"""A trained model as SchNetPack itself would save it: a network that gives the target in its unit, pickled."""

import io
from typing import Any

import torch

from models.errors import ModelError
from models.offset import Offset
from models.registry import OUTPUT, build_network
from models.schnetpack_compat import AddOffsets, CastTo64, NeuralNetworkPotential, ScaleProperty
from models.weights import TrainedModel

MODEL_FILE = "best_model"
"""What SchNetPack calls a whole model in the folder of a run."""
ZMAX = 100
"""Length of SchNetPack's table of reference energies, by atomic number."""
COARSE = 2.0**-8
"""Step of the coarse part of the references, in the target's unit: sums of its multiples up to 2^16 are exact in
float32, to which SpkCalculator rounds every number of a model unless told otherwise."""


def schnetpack_model(model: TrainedModel) -> NeuralNetworkPotential:
    """The same network with SchNetPack's own modules for scale and references, in evaluation mode.

    Its output stands under the target's key, float64 in the target's unit. References by atomic number and the mean are
    in two AddOffsets, one of coarse and one of fine numbers, so that nothing is lost in float32.

    Raises:
        ModelError: for a model without a network, or references that SchNetPack has no room for.
    """
    if model.network is None:
        raise ModelError("model: is a linear fit in composition without a network; SchNetPack has nothing like it")
    description = model.description
    network = build_network(description["kind"], **description["network"])
    network.load_state_dict(model.network.state_dict())
    output = network.output_modules[0]
    _rename_output(output, model.target)
    exported = NeuralNetworkPotential(
        representation=network.representation,
        input_modules=list(network.input_modules),
        output_modules=[output],
        postprocessors=_postprocessors(model.offset, model.target, description["network"].get("pooling", "sum")),
    )
    return exported.eval()


def pack_schnetpack_model(model: TrainedModel) -> bytes:
    """The bytes of `best_model`: a pickle, which runs code of whoever made it when it is loaded.

    Raises:
        ModelError: see `schnetpack_model`.
    """
    content = io.BytesIO()
    torch.save(schnetpack_model(model), content)
    return content.getvalue()


def schnetpack_config(model: TrainedModel, data: dict[str, Any], training: dict[str, Any]) -> dict[str, Any]:
    """What SchNetPack's config.yaml says of such a model: the keys `globals`, `data`, `model` and `task`.

    Args:
        data: what is added to the key `data`, e.g. batch_size.
        training: keys `learning_rate` and `loss` of the recipe, where they are known.
    """
    network, target = model.description["network"], model.target
    cutoff = float(network["cutoff"])
    kind = {"schnet": "SchNet", "painn": "PaiNN"}[model.description["kind"]]
    pooling = network.get("pooling", "sum")
    output: dict[str, Any] = {"n_in": network["n_atom_basis"]}
    if pooling == "dipole":
        vectors = network.get("vectors")
        output |= {
            "_target_": "schnetpack.atomistic.DipoleMoment",
            "predict_magnitude": True,
            "use_vector_representation": kind == "PaiNN" if vectors is None else vectors,
            "dipole_key": target,
        }
    else:
        output |= {
            "_target_": "schnetpack.atomistic.Atomwise",
            "aggregation_mode": "avg" if pooling == "mean" else "sum",
            "output_key": target,
        }
    representation = {
        "_target_": f"schnetpack.representation.{kind}",
        "n_atom_basis": network["n_atom_basis"],
        "n_interactions": network["n_interactions"],
        "radial_basis": {
            "_target_": "schnetpack.nn.radial.GaussianRBF", "n_rbf": network["n_rbf"], "cutoff": cutoff,
        },
        "cutoff_fn": {"_target_": "schnetpack.nn.cutoff.CosineCutoff", "cutoff": cutoff},
    }  # fmt: skip
    neighbours = {"_target_": "schnetpack.transform.ASENeighborList", "cutoff": model.neighbour_cutoff}
    casts: list[dict[str, Any]] = [
        {"_target_": "schnetpack.transform.CastTo64"},
        {"_target_": "schnetpack.transform.ScaleProperty", "input_key": target},
    ]
    offsets = {
        "_target_": "schnetpack.transform.AddOffsets", "property": target, "add_mean": True, "add_atomrefs": True,
        "is_extensive": pooling == "sum",
    }  # fmt: skip
    return {
        "globals": {"cutoff": cutoff, "property": target, "lr": training.get("learning_rate")},
        "data": {
            "distance_unit": "Ang",
            "property_units": {target: model.description["unit"]},
            "transforms": [neighbours, {"_target_": "schnetpack.transform.CastTo32"}],
            **data,
        },
        "model": {
            "_target_": "schnetpack.model.NeuralNetworkPotential",
            "representation": representation,
            "input_modules": [{"_target_": "schnetpack.atomistic.PairwiseDistances"}],
            "output_modules": [output],
            "postprocessors": casts if pooling == "dipole" else [*casts, offsets, dict(offsets)],
        },
        "task": {
            "outputs": [
                {
                    "_target_": "schnetpack.task.ModelOutput",
                    "name": target,
                    "loss_fn": {"_target_": _LOSSES.get(str(training.get("loss")), _LOSSES["mse"])},
                    "loss_weight": 1.0,
                }
            ]
        },
    }


_LOSSES = {"mse": "torch.nn.MSELoss", "mae": "torch.nn.L1Loss", "huber": "torch.nn.HuberLoss"}


def _rename_output(output: Any, key: str) -> None:
    """Let an output module write its value under `key` in place of `OUTPUT`."""
    name = "output_key" if hasattr(output, "output_key") else "dipole_key"
    assert getattr(output, name) == OUTPUT, name
    setattr(output, name, key)
    output.model_outputs = [key if each == OUTPUT else each for each in output.model_outputs]


def _postprocessors(offset: Offset, target: str, pooling: str) -> list[torch.nn.Module]:
    """SchNetPack's modules that turn the network's output into the target."""
    scale = ScaleProperty(input_key=target, scale=torch.tensor([offset.scale], dtype=torch.float64))
    first = [CastTo64(), scale]
    if pooling == "dipole":
        if offset.reference or offset.mean:
            raise ModelError(f"offset: a dipole moment has a mean of {offset.mean}; SchNetPack adds none to it")
        return first
    beyond = [number for number in offset.reference if not 0 < number < ZMAX]
    if beyond:
        raise ModelError(f"offset: has references of elements {beyond}; SchNetPack's table ends at {ZMAX - 1}")
    references = torch.zeros(ZMAX, dtype=torch.float64)
    for number, value in offset.reference.items():
        references[number] = value
    mean = torch.tensor([offset.mean], dtype=torch.float64)
    coarse, coarse_mean = (torch.round(each / COARSE) * COARSE for each in (references, mean))
    return [
        *first,
        _offsets(coarse, coarse_mean, target, pooling),
        _offsets(references - coarse, mean - coarse_mean, target, pooling),
    ]


def _offsets(atomref: torch.Tensor, mean: torch.Tensor, target: str, pooling: str) -> AddOffsets:
    """AddOffsets with a table (ZMAX,) and a mean (1,), float64; its own arguments take no table of several numbers."""
    offsets = AddOffsets(target, add_mean=True, add_atomrefs=True, is_extensive=pooling == "sum", zmax=ZMAX)
    offsets.atomref, offsets.mean = atomref, mean
    offsets._atomrefs_initialized = offsets._mean_initialized = True
    return offsets
