"""The card of a model that is given back: what it is, has seen, how wrong it is and where, and what it is not for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from core.data.properties import PROPERTIES, Property
from core.data.store import Dataset
from core.errors import MollensError
from core.files import read_json, utc_now
from core.judge.convergence import convergence
from core.judge.errors import errors_of
from core.judge.held_out import HeldOut, held_out, split_known
from core.judge.reporting.markdown import one_line, table
from core.judge.statistics.intervals import N_POINTS_ONLY
from core.recipes.create import versions
from core.runs.folder import Run
from core.runs.metrics import MetricsTail

SCHNETPACK_FILE = "best_model"
WEIGHTS_FILE = "model.safetensors"
NAMELESS = ("", "")
_UNITS = {"eV": ("meV", 1000.0)}
_CONVERGENCE = {
    "converged": "the validation error had stopped falling",
    "still falling": "the validation error was still falling when the training ended: this model is undertrained",
    "rising": "the validation error was rising at the end",
    "too short": "too few epochs to tell whether the training had converged",
    "no epochs": "not known: no epochs are recorded",
}
_RECIPE_LEFT_OUT = {"target", "split", "seed", "preset"}


def model_card(run: Run, dataset: Dataset | None, files: Mapping[str, str]) -> str:
    """The card as Markdown; errors are those of `core.judge.errors`, on molecules that the model has not seen.

    Args:
        dataset: what it was trained on; None where it is not there any more, then the card says so.
        files: SHA-256 of every file beside the card, by name.

    Raises:
        MollensError: if a file of the run is damaged.
    """
    described = read_json(run.path / "model.json", run.what)
    if dataset is not None and dataset.card.sha256 != run.dataset_sha256:
        dataset = None
    target = _target(run, dataset)
    source, fault = _held_out(run, dataset)
    parts = [
        _head(run, target, described),
        _data(run, dataset),
        _split(run),
        _training(run, described),
        _errors(run, source, fault),
        _limits(run, dataset, target, described, source),
        _loading(run, described, target, files),
        _files(files),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _target(run: Run, dataset: Dataset | None) -> Property:
    if dataset is not None:
        return dataset.property(run.target)
    unit = str(run.recipe_file.get("unit", ""))
    return PROPERTIES.get(run.target) or Property(run.target, run.target, unit, "")


def _held_out(run: Run, dataset: Dataset | None) -> tuple[HeldOut | None, str]:
    """Its held-out molecules, or why there are none to tell of."""
    if dataset is None:
        return None, f"dataset {run.dataset_name} is not there any more, or has changed since the training"
    try:
        return held_out(run, dataset), ""
    except MollensError as error:
        return None, str(error)


def _head(run: Run, target: Property, described: Mapping[str, Any]) -> str:
    kind = {"schnet": "SchNet", "painn": "PaiNN"}.get(str(described.get("kind")), str(described.get("kind")))
    note = "".join(f"\n> {line}" for line in run.note.splitlines())
    return f"""# {one_line(run.name)}

{kind}, {int(described.get("n_parameters", 0)):,} parameters, for {target.label} ({target.unit or "a pure number"}) of
molecules of {", ".join(described.get("elements") or ["elements that are not recorded"])}. Exported from Mollens,
{utc_now()[:10]}, run `{run.id}`.
{note}"""


def _data(run: Run, dataset: Dataset | None) -> str:
    if dataset is None:
        rows = [("name", run.dataset_name), ("checksum (SHA-256)", f"`{run.dataset_sha256}`")]
        return f"## Data\n\n{table(NAMELESS, rows)}\n\nThe dataset was not at hand when this card was written."
    card = dataset.card
    rows = [
        ("name", f"{card.name}: {card.title}"),
        ("molecules", f"{card.n_molecules:,}, {card.n_atoms:,} atoms"),
        ("level of theory", card.level_of_theory),
        ("citation", card.citation or "not stated"),
        ("licence of the data", card.license or "not stated"),
        ("checksum (SHA-256)", f"`{card.sha256}`"),
    ]
    return f"## Data\n\n{table(NAMELESS, rows)}\n\n{one_line(card.description)}"


def _split(run: Run) -> str:
    split = run.recipe_file["split"]
    if not split_known(run):
        return (
            "## Split\n\nIt is **not known** which molecules this model has seen. Errors below may be those of its own "
            "training molecules, and so too good."
        )
    trained_on = run.recipe_file.get("trained_on")
    validated = trained_on.get("validation") if isinstance(trained_on, dict) else split.get("validation")
    rows = [
        ("name", run.split_name),
        ("hash", f"`{run.split_hash}`"),
        ("trained on", f"{run.n_trained:,} of {_count(split.get('train'))} training molecules"),
        ("validated on", f"{_count(validated)} molecules: they choose the weights"),
        ("test", f"{_count(split.get('test'))} molecules, seen by nothing"),
    ]
    return f"## Split\n\n{table(NAMELESS, rows)}"


def _training(run: Run, described: Mapping[str, Any]) -> str:
    values = {key: value for key, value in run.recipe_values.items() if key not in _RECIPE_LEFT_OUT}
    recipe = table(("field", "value"), [(f"`{key}`", f"`{value}`") for key, value in values.items()])
    tail = MetricsTail(run)
    tail.refresh()
    seconds = sum(float(line.get("seconds") or 0) for line in tail.epochs)
    unit = str(run.recipe_file.get("unit", ""))
    best, epoch = described.get("validation_mae"), described.get("epoch", "not recorded")
    rows = [
        ("recipe", str(run.recipe_values.get("preset") or "of its own")),
        ("seed", str(run.seed)),
        ("epochs", f"{len(tail.epochs)}; these weights are those of epoch {epoch}" if tail.epochs else "not recorded"),
        ("validation MAE", _amount(best, unit) if isinstance(best, int | float) else "not recorded"),
        ("time", f"{seconds:,.0f} s of training" if seconds else "not recorded"),
        ("device", str(run.status().device or "not recorded")),
        ("convergence", _CONVERGENCE[convergence(run).state]),
    ]
    return f"""## Training

{table(NAMELESS, rows)}

<details><summary>All fields of the recipe</summary>

{recipe}

</details>"""


def _errors(run: Run, source: HeldOut | None, fault: str) -> str:
    if source is None:
        return f"## Errors\n\nNone are told: {one_line(fault)}."
    whole = errors_of(source, "all").row(0, named=True)
    unit, factor = _shown(source.target.unit, whole["mae"])
    known, n = split_known(run), f"{whole['n_held_out']:,}"
    head = f"On {n} test molecules that the model has not seen."
    if not known:
        head = f"On {n} molecules of {run.dataset_name}. **It is not known which of them the model has seen.**"
    overall = [
        (name, _value(whole[key], factor), _interval(whole, key, factor), _value(whole.get(baseline), factor))
        for name, key, baseline in (
            ("MAE", "mae", "baseline_mae"),
            ("RMSE", "rmse", "baseline_rmse"),
            ("median", "median", "baseline_median"),
            ("95th percentile", "p95", ""),
            ("bias (predicted minus label)", "bias", "baseline_bias"),
            ("largest", "max", ""),
        )
    ]
    tables = [
        f"### By {name}\n\n{_group_table(errors_of(source, by), name, unit, factor)}"
        for by, name in (("size", "number of atoms"), ("element", "element contained"))
    ]
    accuracy = (
        "They are errors against these labels, not against experiment."
        if source.target.is_energy
        else "They are errors against these labels."
    )
    return "\n\n".join(
        [
            f"## Errors\n\n{head} {accuracy} The baseline is a linear fit of the atom counts"
            f"{' on the same training molecules' if known else ''}. Intervals are 95 %; below {N_POINTS_ONLY} "
            "molecules there is none.",
            table(("measure", unit, "95 % interval", "baseline"), overall),
            *tables,
        ]
    )


def _group_table(found: pl.DataFrame, name: str, unit: str, factor: float) -> str:
    rows = [
        (
            str(row["label"]),
            f"{row['n_train']:,}",
            f"{row['n_held_out']:,}",
            _value(row["mae"], factor),
            _interval(row, "mae", factor),
        )
        for row in found.filter(pl.col("n_held_out") > 0).iter_rows(named=True)
    ]
    return table((name, "in training", "in test", f"MAE [{unit}]", "95 % interval"), rows)


def _limits(
    run: Run, dataset: Dataset | None, target: Property, described: Mapping[str, Any], source: HeldOut | None
) -> str:
    level = dataset.card.level_of_theory if dataset is not None else str(described.get("level_of_theory", ""))
    told = [
        f"Elements: {', '.join(described.get('elements') or ['not recorded'])}. An atom of another element gets a "
        "value without meaning."
    ]
    if source is not None and len(source.train_rows):
        sizes = source.dataset.molecules.sizes[source.train_rows]
        told.append(
            f"Sizes: it was trained on molecules of {sizes.min()} to {sizes.max()} atoms, hydrogens included, half of "
            f"them up to {int(pl.Series(sizes).median())}."  # type: ignore[arg-type]
        )
    told.append(
        "Geometries: only those of the dataset. Where these are relaxed (as in QM9), it has seen minima and nothing "
        "between them."
    )
    why = (
        f"the target ({target.label}) contains the zero-point energy, so it is no potential energy; forces were not "
        "learned"
        if "zero-point energy included" in target.description or target.key in ("energy_U", "enthalpy_H", "free_energy")
        else "forces were not learned"
    )
    told.append(
        f"**Not for relaxation or molecular dynamics**: {why}. The exported model has no output of forces; gradients "
        "taken from it are not physical. It is for single points."
    )
    if "xtb" in level.lower():
        told.append("Labels are of a semi-empirical method: GFN2-xTB is not DFT; do not put its errors beside QM9's.")
    told.append(f"Labels are of {level or 'a level of theory that is not stated'}; another level is another quantity.")
    return "## Limits\n\n" + "\n".join(f"- {each}" for each in told)


def _loading(run: Run, described: Mapping[str, Any], target: Property, files: Mapping[str, str]) -> str:
    parts = ["## How to load it"]
    if SCHNETPACK_FILE in files:
        parts.append(_with_schnetpack(described, target))
        parts.append(
            "In Mollens it becomes a run again; the pickle is read there with an allow-list and never run:\n\n```bash\n"
            f"python -m core load-model THIS_FOLDER --dataset {run.dataset_name} --name {run.id}\n```"
        )
    if WEIGHTS_FILE in files:
        parts.append(
            f"{WEIGHTS_FILE} and model.json hold the same network as numbers and text; nothing is unpickled. In a "
            "checkout of Mollens:\n\n```python\nfrom pathlib import Path\n\nfrom models.weights import load_model\n\n"
            'model = load_model(Path("THIS_FOLDER"))  # .network, and .offset from its output to the target\n```'
        )
    made = run.recipe_file.get("versions")
    trained = made if isinstance(made, dict) else {}
    now = versions()
    rows = [(name, str(trained.get(name, "")), now.get(name, "")) for name in dict.fromkeys([*trained, *now])]
    parts.append(f"### Versions\n\n{table(('package', 'trained with', 'exported with'), rows)}")
    return "\n\n".join(parts)


def _with_schnetpack(described: Mapping[str, Any], target: Property) -> str:
    unit = '"eV"' if target.unit == "eV" else "1.0"
    other = "" if target.unit == "eV" else f"  # the value is in {target.unit or 'no unit'}, whatever ASE calls it"
    return f"""With SchNetPack: `{SCHNETPACK_FILE}` is a **pickle, which can run code when it is loaded**: load it only
if you trust where it comes from; the checksums below tell whether it is the one that was exported. Values are float64
in {target.unit or "no unit"}, references included.

```python
import os
import typing

from torch.utils.data import dataloader

dataloader.T_co = typing.TypeVar("T_co", covariant=True)  # for schnetpack 2.0 and 2.1 on torch 2.5 and later
os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"  # torch 2.6 and later: this pickle is trusted

from ase.io import read
from schnetpack.interfaces import SpkCalculator
from schnetpack.transform import ASENeighborList

atoms = read("molecule.xyz")
atoms.calc = SpkCalculator(
    "{SCHNETPACK_FILE}",
    ASENeighborList(cutoff={float(described["neighbour_cutoff"])}),
    energy_key="{target.key}",
    energy_unit={unit},{other}
)
print(atoms.get_potential_energy())
```

The cutoff of the neighbour list is that of the training, {float(described["neighbour_cutoff"]):g} Å; with another the
values differ."""


def _files(files: Mapping[str, str]) -> str:
    rows = [(f"`{name}`", f"`{digest}`") for name, digest in files.items()]
    return f"## Files\n\n{table(('file', 'SHA-256'), rows)}"


def _shown(unit: str, like: float | None) -> tuple[str, float]:
    """The unit in which errors of this size are told, and the factor to it."""
    if unit in _UNITS and like is not None and abs(like) < 1:
        return _UNITS[unit]
    return unit, 1.0


def _amount(value: float, unit: str) -> str:
    shown, factor = _shown(unit, value)
    return f"{_value(value, factor)} {shown}"


def _value(value: float | None, factor: float = 1.0) -> str:
    return "" if value is None or value != value else f"{value * factor:,.4g}".replace("-", "\N{MINUS SIGN}")


def _interval(row: Mapping[str, Any], key: str, factor: float) -> str:
    low, high = row.get(f"{key}_low"), row.get(f"{key}_high")
    return "" if low is None or high is None else f"{_value(low, factor)} to {_value(high, factor)}"


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "not recorded"
