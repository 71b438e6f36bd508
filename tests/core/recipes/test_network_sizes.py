from __future__ import annotations

import json
from typing import Any

import pytest

from core.errors import MollensError
from core.files import CHECKOUT
from core.recipes.network_sizes import network_sizes
from models.registry import POOLINGS, build_network

SIZES = [(64, 3, 20), (38, 3, 25), (5, 1, 7), (128, 6, 50), (1, 2, 2)]


def counted(network: Any, part: str = "") -> int:
    return sum(p.numel() for name, p in network.named_parameters() if part in name)


@pytest.mark.parametrize("kind", ["schnet", "painn"])
@pytest.mark.parametrize("pooling", list(POOLINGS))
@pytest.mark.parametrize(("features", "rounds", "gaussians"), SIZES)
def test_the_blocks_hold_as_many_numbers_as_the_real_network(
    kind: str, pooling: str, features: int, rounds: int, gaussians: int
) -> None:
    fields = {"n_atom_basis": features, "n_interactions": rounds, "n_rbf": gaussians, "cutoff": 5.0, "pooling": pooling}
    network = build_network(kind, **fields)
    kept = sum(value.numel() for value in network.state_dict().values())
    found = network_sizes({"model": kind, **fields}, kept)
    assert found.learned == counted(network)
    assert found.total == kept
    blocks = {block.name: block for block in found.blocks}
    assert blocks["Embedding"].parameters == counted(network, "embedding")
    assert blocks["Output network"].parameters == counted(network, "outnet")
    inside = counted(network, "interactions") + counted(network, "mixing")
    assert blocks["Interaction"].parameters == inside and blocks["Interaction"].repeats == rounds
    assert sum(block.parameters for block in found.blocks if block.name == "Filters") == counted(network, "filter_net.")
    assert blocks["Pooling"].parameters == 0


def test_the_shipped_models_have_what_their_files_say() -> None:
    seen = set()
    for path in (CHECKOUT / "models" / "pretrained").glob("*/model.json"):
        model = json.loads(path.read_text())
        if model["kind"] == "composition":
            continue
        found = network_sizes({"kind": model["kind"], **model["network"]}, model["n_parameters"])
        assert found.total == model["n_parameters"]
        seen.add(model["kind"])
    assert seen == {"schnet", "painn"}


def test_one_more_element_in_the_embedding_is_told_by_the_count() -> None:
    fields = {"model": "schnet", "n_atom_basis": 64, "n_interactions": 3, "n_rbf": 20, "cutoff": 5.0}
    usual = network_sizes(fields)
    assert usual.total == 62_314  # of the shipped model
    assert network_sizes(fields, usual.total + 64).total == usual.total + 64
    assert network_sizes(fields, usual.total + 3) == usual


def test_shapes_are_told() -> None:
    found = network_sizes(
        {
            "model": "schnet",
            "n_atom_basis": 64,
            "n_interactions": 3,
            "n_rbf": 20,
            "cutoff": 5.0,
            "neighbour_cutoff": 4.0,
        }
    )
    assert [block.name for block in found.blocks] == [
        "Embedding", "Distances", "Interaction", "Output network", "Pooling",
    ]  # fmt: skip
    assert found.blocks[2].layers[0].shape == "20 → 64" and found.blocks[2].each == 17_920
    assert found.blocks[1].what == "pairs within 4 Å on 20 Gaussians, cosine cutoff at 5 Å"
    assert found.blocks[-1].what == "sum over atoms: extensive"


def test_the_linear_fit_has_no_network() -> None:
    with pytest.raises(MollensError, match="model 'composition': has no network"):
        network_sizes({"model": "composition"})
