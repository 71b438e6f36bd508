"""What was trained, in words: the way of the data from a dataset into a run, station by station."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.data.cells import cells_of
from core.data.properties import PROPERTIES
from core.data.splits import open_split
from core.data.store import Dataset
from core.errors import MollensError
from core.figures.numbers import number, unit_text
from core.runs.folder import Run

NETWORKS = {"schnet": "SchNet", "painn": "PaiNN"}
LOSSES = {"mse": "squared error", "mae": "absolute error", "huber": "Huber loss"}
WEIGHTINGS = {
    "size": "by size",
    "size_frequency": "by size and frequency",
    "inverse_frequency": "inverse frequency",
    "effective_number": "effective number",
}
_SCHEDULES = {"constant": "constant rate", "cosine": "cosine schedule", "plateau": "rate falls on a plateau"}


@dataclass(frozen=True)
class Station:
    """One station on the way."""

    label: str
    value: str
    """what was decided there"""
    lines: tuple[str, ...] = ()
    """more of it, and how many molecules go on"""
    on: bool = False
    """marked, because it differs from the usual"""


def way_of(run: Run, dataset: Dataset | None, n_parameters: int | None = None) -> list[Station]:
    """The stations of a run; runs of older versions, which recorded less, have all of them too.

    Args:
        dataset: the run's dataset, or None where it is gone.
        n_parameters: numbers in the network, if it is known.
    """
    values = run.recipe_values
    way = [_dataset(run, dataset), _defects(dataset), _target(run, dataset), _split(run, dataset)]
    if values.get("model") == "composition":
        return [*way, Station("Model", "composition", ("a linear fit of the atom counts",)), _groups(run, dataset)]
    return [
        *way,
        _sampling(run),
        _weights(run),
        _network(values, n_parameters),
        _training(values),
        _groups(run, dataset),
    ]


def _dataset(run: Run, dataset: Dataset | None) -> Station:
    if dataset is None:
        return Station("Dataset", run.dataset_name, ("no longer there as it was",))
    left_out = _dropped(dataset)
    read = dataset.card.n_molecules + left_out
    return Station("Dataset", run.dataset_name, (f"{number(read)} molecules", dataset.card.level_of_theory))


def _dropped(dataset: Dataset) -> int:
    told = dataset.card.known_defects.get("left_out")
    dropped = told.get("dropped") if isinstance(told, dict) else 0
    return dropped if isinstance(dropped, int) else 0


def _defects(dataset: Dataset | None) -> Station:
    """Molecules that a list of known defects took out when the dataset was imported."""
    if dataset is None:
        return Station("Defects left out", "not known")
    told, marked = (dataset.card.known_defects.get(key) for key in ("left_out", "uncharacterized"))
    goes_on = f"{number(dataset.card.n_molecules)} go on"
    if isinstance(told, dict) and _dropped(dataset):
        named = str(told.get("list", "a list"))
        return Station("Defects left out", number(-_dropped(dataset)), (f"on {named}", goes_on), True)
    if isinstance(marked, dict) and marked.get("present"):
        return Station("Defects left out", "none", (f"{number(marked['present'])} uncharacterized are in", goes_on))
    return Station("Defects left out", "none", (goes_on,))


def _target(run: Run, dataset: Dataset | None) -> Station:
    listed = dataset.card.properties if dataset else tuple(PROPERTIES.values())
    label = next((prop.label for prop in listed if prop.key == run.target), run.target)
    unit = unit_text(str(run.recipe_file.get("unit", "")))
    without = run.recipe_file["split"].get("left_out", 0)
    known = f"{number(without)} without it leave" if without else "known for all"
    minus = {
        "composition": "minus a linear fit of atom counts",
        "atomic_energies": "minus atomic energies",
    }.get(str(run.recipe_values.get("reference")), "")
    if run.recipe_values.get("model") == "composition":
        minus = ""
    lines = tuple(line for line in (f"in {unit}" if unit else "", known, minus) if line)
    return Station("Target", label, lines, bool(without))


def _split(run: Run, dataset: Dataset | None) -> Station:
    parts = run.recipe_file["split"]
    counts = " / ".join(number(parts.get(part)) for part in ("train", "validation", "test"))
    lines = [counts, "train / validation / test"]
    if dataset is not None:
        try:
            split = open_split(dataset, run.split_name)
        except MollensError:
            lines.insert(0, "no longer there")
        else:
            same = split.hash == run.split_hash
            lines.insert(0, f"{split.method.replace('_', ' ')}, seed {split.seed}" if same else "changed since")
    return Station("Split", run.split_name, tuple(lines), run.split_name != "default")


def _sampling(run: Run) -> Station:
    values, parts = run.recipe_values, run.recipe_file["split"]
    trained, of = run.n_trained, parts.get("train", 0)
    chosen = _chosen(values)
    lines = []
    if chosen and values.get("control"):
        lines.append(f"as many as {chosen} leaves")
    lines.append(f"{number(of - trained)} left out" if trained < of else "none left out")
    told = run.recipe_file.get("trained_on")
    validated = told.get("validation") if isinstance(told, dict) else None
    if isinstance(validated, int) and validated != parts.get("validation"):
        lines.append(f"validated on {number(validated)} of the same sizes")
    if chosen:
        lines.append(f"{number(trained)} trained on")
        return Station("Sampling", "control, by lot" if values.get("control") else chosen, tuple(lines), True)
    return Station("Sampling", f"all {number(trained)}", tuple(lines))


def _chosen(values: Mapping[str, Any]) -> str:
    """Which molecules the recipe takes, in words; nothing where it takes all."""
    low, high, most = (int(values.get(key) or 0) for key in ("min_atoms", "max_atoms", "most_per_size"))
    words = []
    if low and high:
        words.append(f"{low} to {high} atoms")
    elif low:
        words.append(f"{low} atoms and more")
    elif high:
        words.append(f"up to {high} atoms")
    if most:
        words.append(f"at most {number(most)} a size")
    return ", ".join(words)


def _weights(run: Run) -> Station:
    values = run.recipe_values
    weighting = str(values.get("weighting") or "none")
    if weighting == "none":
        return Station("Weights", "none", ("every molecule counts 1",))
    head = WEIGHTINGS.get(weighting, weighting)
    if weighting == "effective_number":
        head += f", β {values.get('weight_beta', 0):g}"
    else:
        head += f", r {values.get('weight_rate', 0):g}"
    lines = []
    if weighting in ("inverse_frequency", "effective_number"):
        lines.append(f"of the {'rarest element' if values.get('weight_by') == 'element' else 'size'}")
    told = run.recipe_file.get("weights")
    told = told if isinstance(told, dict) else {}
    effective = told.get("effective_sample_size")
    if isinstance(effective, int | float):
        lines.append(f"effective {number(round(effective))} of {number(run.n_trained)}")
    lines.append("in drawing the molecules" if values.get("weights_in") == "sampling" else "in the loss")
    clipped = told.get("clipped", {})
    if isinstance(clipped, dict) and clipped.get("n"):
        lines.append(f"{number(clipped['n'])} clipped to {values.get('least_weight', 0):g}")
    if values.get("normalise_weights") is False:
        lines.append("as printed, mean not 1")
    return Station("Weights", head, tuple(lines), True)


def _network(values: Mapping[str, Any], n_parameters: int | None) -> Station:
    kind = str(values.get("model"))
    rounds = values.get("n_interactions")
    lines = [
        f"{rounds} interaction{'s' if rounds != 1 else ''}",
        f"neighbours {values.get('neighbour_cutoff'):g} Å, filters {values.get('cutoff'):g} Å",
    ]
    if n_parameters:
        lines.append(f"{number(n_parameters)} numbers")
    grid = values.get("filters") == "grid"
    if grid:
        lines.append(f"filters on a grid of {number(values.get('grid_points'))} points")
    return Station("Network", f"{NETWORKS.get(kind, kind)} {values.get('n_atom_basis')}", tuple(lines), grid)


def _training(values: Mapping[str, Any]) -> Station:
    loss = str(values.get("loss"))
    schedule = str(values.get("schedule"))
    lines = (
        f"batch {values.get('batch_size')}, rate {values.get('learning_rate'):g}",
        f"{LOSSES.get(loss, loss)}, {_SCHEDULES.get(schedule, schedule)}",
    )
    return Station("Training", f"{number(values.get('epochs'))} epochs", lines)


def _groups(run: Run, dataset: Dataset | None) -> Station:
    if dataset is None:
        return Station("Groups", "not known")
    sizes = len(set(cells_of(dataset.molecules).sizes.tolist()))
    return Station("Groups", f"{sizes} sizes", ("and " + " ".join(dataset.molecules.symbols),))
