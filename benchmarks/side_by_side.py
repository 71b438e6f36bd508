"""SchNetPack and Mollens by turns in one process on one core, so that noise hits both; prints one JSON object.

`python -m benchmarks.side_by_side [NETWORK ...]`; `benchmarks.training` starts it with one thread for every library.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

if hasattr(os, "sched_setaffinity"):  # before any library counts the cores
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import numpy as np
import torch

from benchmarks.own import HAS_GRID, Own
from benchmarks.peer import LISTS, Peer, Spent, make_database, medians
from benchmarks.timing import ARCHIVE
from core.data.importers import import_file
from core.data.splits import open_split
from core.data.store import Dataset, open_dataset
from core.runs.folder import SHIPPED
from core.train.batches import FlatMolecules
from core.train.composition import free_atoms
from core.train.predict import flat_molecules
from models.fast import PairForward
from models.registry import OUTPUT
from models.weights import load_model

ROUNDS = 5
NETWORKS: dict[str, tuple[str, int, int, int]] = {
    "SchNet-38, batch 512": ("schnet", 38, 512, 4),
    "SchNet-128, batch 100": ("schnet", 128, 100, 10),
    "PaiNN-38, batch 200": ("painn", 38, 200, 4),
    "PaiNN-128, batch 100": ("painn", 128, 100, 4),
}
"""Kind, features, molecules of a batch, batches of a measurement"""
FILTERS = ("exact", "grid") if HAS_GRID else ("exact",)
FEEDS = 100  # batches of a measurement of feeding, own
CHECKED = 2_000  # molecules whose outputs are compared


def main(names: list[str]) -> None:
    """Measure the named networks, all without names."""
    torch.set_num_threads(1)
    dataset = import_file(ARCHIVE, "qm9") if ARCHIVE.exists() else open_dataset("demo")
    split = open_split(dataset)
    target = "energy_U0"
    energies = np.asarray(dataset.molecules.columns[target])
    train = np.flatnonzero((split.codes(dataset.molecules.ids) == 0) & np.isfinite(energies))
    rows = np.random.default_rng(0).permutation(train)[: 5 * 512]
    figures: dict[str, Any] = {
        "molecules": f"{dataset.card.title}, {dataset.card.n_molecules:,}, those of SchNetPack {len(rows):,} of them",
        "how": f"one core, one thread, {ROUNDS} rounds by turns, medians; a warm-up step before each is not counted",
    }
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "qm9.db"
        make_database(database, dataset.molecules, rows, energies[rows], free_atoms(dataset.card, target))
        for name in names or list(NETWORKS):
            figures[name] = one_network(dataset, database, rows, *NETWORKS[name])
            print(f"{name}: {figures[name]}", file=sys.stderr, flush=True)
        figures["feeding, batch 100"] = feeding(dataset, database)
    figures["largest deviation from SchNetPack's forward, eV"] = deviations(dataset)
    print(json.dumps(figures))


def one_network(
    dataset: Dataset, database: Path, rows: np.ndarray, kind: str, features: int, batch_size: int, n_batches: int
) -> dict[str, Any]:
    """Milliseconds per molecule of training and prediction, CPU and wall, and how many times SchNetPack's speed."""
    peers = {name: Peer(database, kind, features, batch_size, name) for name in LISTS}
    owns = {filters: Own(dataset, kind, features, batch_size, filters) for filters in FILTERS}
    batches = np.split(rows[: (n_batches + 1) * batch_size], n_batches + 1)
    residual = torch.randn(dataset.molecules.n_molecules, generator=torch.Generator().manual_seed(0))
    taken: dict[str, list[Spent]] = {}
    for _ in range(ROUNDS):
        for name, peer in peers.items():
            taken.setdefault(f"training, SchNetPack {name}", []).append(peer.train(n_batches))
            taken.setdefault(f"prediction, SchNetPack {name}", []).append(peer.predict(n_batches))
        for filters, own in owns.items():
            taken.setdefault(f"training, {filters}", []).append(own.train(n_batches))
            taken.setdefault(f"training, {filters}, bare steps", []).append(own.train_bare(batches, residual))
            taken.setdefault(f"prediction, {filters}", []).append(own.predict(batches))
    middle = {label: medians(times) for label, times in taken.items()}
    figures: dict[str, Any] = {}
    for label, (cpu, wall) in middle.items():
        figures[f"{label}, ms per molecule, CPU and wall"] = [_3(1000 * cpu), _3(1000 * wall)]
    for what in ("training", "prediction"):
        for filters in FILTERS:
            own_cpu, own_wall = middle[f"{what}, {filters}"]
            for name in LISTS:
                cpu, wall = middle[f"{what}, SchNetPack {name}"]
                label = f"{what}, {filters}, times SchNetPack with {name}, CPU and wall"
                figures[label] = [_3(cpu / own_cpu), _3(wall / own_wall)]
    return figures


def feeding(dataset: Dataset, database: Path) -> dict[str, Any]:
    """Milliseconds of a batch of 100 from SchNetPack's loader and from flat arrays."""
    peers = {name: Peer(database, "schnet", 16, 100, name) for name in LISTS}
    own = Own(dataset, "schnet", 16, 100)
    drawn = np.random.default_rng(1).permutation(dataset.molecules.n_molecules)
    batches = np.split(np.resize(drawn, (FEEDS + 1) * 100), FEEDS + 1)
    taken: dict[str, list[Spent]] = {}
    for _ in range(ROUNDS):
        for name, peer in peers.items():
            taken.setdefault(f"SchNetPack {name}", []).append(peer.feed(3))
        for method in ("pairs", "batch"):
            taken.setdefault(method, []).append(own.feed(batches, method))
    middle = {label: medians(times) for label, times in taken.items()}
    figures: dict[str, Any] = {f"{label}, ms, CPU": _3(1000 * cpu) for label, (cpu, _) in middle.items()}
    for name in LISTS:
        for method in ("pairs", "batch"):
            ratio = middle[f"SchNetPack {name}"][0] / middle[method][0]
            figures[f"{method}, times SchNetPack with {name}"] = _3(ratio)
    return figures


def deviations(dataset: Dataset) -> dict[str, Any]:
    """Largest difference in eV of trained networks' outputs to the stock forward, on real molecules."""
    rows = np.random.default_rng(1).permutation(dataset.molecules.n_molecules)[:CHECKED]
    batches = [torch.from_numpy(piece) for piece in np.array_split(rows, max(1, len(rows) // 100))]
    lists: dict[float, FlatMolecules] = {}
    figures = {}
    for folder in sorted(SHIPPED.iterdir()):
        model = load_model(folder)
        if model.network is None:
            continue
        cutoff = model.neighbour_cutoff
        flat = lists.setdefault(cutoff, flat_molecules(dataset, cutoff))
        network = model.network.eval()
        with torch.no_grad():
            stock = torch.cat([network(flat.batch(rows))[OUTPUT] for rows in batches]).double()
            for filters in FILTERS:
                forward = PairForward(network, filters=filters) if HAS_GRID else PairForward(network)
                found = torch.cat([forward.eval()(flat.pairs(rows)) for rows in batches]).double()
                largest = float((found - stock).abs().max()) * model.offset.scale
                figures[f"{folder.name[16:-5]}, {filters}"] = float(f"{largest:.2g}")
    return figures


def _3(value: float) -> float:
    return float(f"{value:.3g}")


if __name__ == "__main__":
    main(sys.argv[1:])
