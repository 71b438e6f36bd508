"""What a report rests on, to the byte: hashes of data, split, recipe, weights and predictions, and the commands."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.data.split_making import command as split_command
from core.data.splits import DEFAULT, open_split
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.comparing.compare import Comparison
from core.recipes.create import command as train_command
from core.recipes.create import options
from core.recipes.presets import DEFAULT_PRESET, presets
from core.recipes.recipe import validated
from core.runs.folder import Run
from core.runs.predictions import predictions_folder


@dataclass(frozen=True)
class RunHashes:
    """One run, as the files beside the report can be checked against it."""

    side: str
    """"A" or "B" """
    id: str
    name: str
    origin: str
    """"mollens", "schnetpack" or "predictions" """
    created: str
    dataset: str
    dataset_sha256: str
    split: str
    split_hash: str
    recipe_hash: str
    """SHA-256 of the fields of the recipe as JSON with sorted keys"""
    weights_hash: str
    """SHA-256 of model.safetensors; empty for a run without a model"""
    predictions_hash: str
    """SHA-256 of predicted.npy for the dataset of the report"""
    versions: tuple[tuple[str, str], ...]
    """packages that it was trained with; of a run from elsewhere, loaded with"""
    command: str
    """what repeats the training; empty where it was not trained here"""


def hashes_of(run: Run, side: str, dataset: Dataset) -> RunHashes:
    """The hashes of one run."""
    recipe = json.dumps(run.recipe_values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    folder = predictions_folder(run, dataset.name)
    made = run.recipe_file.get("versions")
    return RunHashes(
        side=side, id=run.id, name=run.name, origin=run.origin, created=run.created, dataset=run.dataset_name,
        dataset_sha256=run.dataset_sha256, split=run.split_name, split_hash=run.split_hash,
        recipe_hash=hashlib.sha256(recipe.encode()).hexdigest(),
        weights_hash=_of_file(run.path / "model.safetensors"),
        predictions_hash=_of_file(folder / "predicted.npy") if folder else "",
        versions=tuple((str(k), str(v)) for k, v in made.items()) if isinstance(made, dict) else (),
        command=repeat_command(run),
    )  # fmt: skip


def _of_file(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def repeat_command(run: Run) -> str:
    """The command line that starts the same training again; empty for a run that was not trained here."""
    if run.origin != "mollens":
        return ""
    try:
        recipe = validated(run.recipe_values, run.what)
    except MollensError:
        return ""
    known = presets()
    if recipe.preset not in known:  # made by a version with other recipes: all that differs from the default one
        recipe = recipe.model_copy(update={"preset": DEFAULT_PRESET})
    words = [train_command(recipe, known[recipe.preset].recipe, run.dataset_name, run.name)]
    return " ".join([*words, *options(str(run.recipe_file.get("device", "auto")), run.devices, run.logs, run.engine)])


def comparison_options(comparison: Comparison) -> list[str]:
    """The words after `compare A B` that ask for this comparison."""
    words = ["--by", comparison.by, "--measure", comparison.measure]
    words += [] if comparison.per == "molecule" else ["--per", comparison.per]
    words += [] if comparison.margin is None else ["--margin", f"{comparison.margin:g}"]
    words += [] if max(len(comparison.a), len(comparison.b)) == 1 else ["--seeds"]
    words += [] if comparison.paired.part == "test" else ["--part", comparison.paired.part]
    name = comparison.paired.dataset.name
    return words if comparison.a[0].dataset_name == name else [*words, "--dataset", name]


def report_commands(comparison: Comparison, sections: Sequence[str], hashes: Sequence[RunHashes]) -> list[str]:
    """The command lines that make all that a report shows, from the split to the report."""
    dataset, runs = comparison.paired.dataset, (*comparison.a, *comparison.b)
    found = []
    for name in dict.fromkeys(run.split_name for run in runs if run.dataset_name == dataset.name):
        if name != DEFAULT:
            try:
                split = open_split(dataset, name)
            except MollensError:
                continue  # it is not there any more, or is known to the run only
            found.append(split_command(dataset.name, name, split.method, split.seed, split.parameters))
    found += [each.command for each in hashes if each.command]
    pair = [comparison.a[0].id, comparison.b[0].id]
    ids = shlex.join([run.id for run in runs])
    words = comparison_options(comparison)
    on = "" if comparison.a[0].dataset_name == dataset.name else f" --dataset {dataset.name}"
    found.append(f"python -m core compare {shlex.join([*pair, *words])}")
    if "errors" in sections:
        found += [f"python -m core report {run.id} --by {by}" for run in runs for by in ("size", "element")]
    if "runs" in sections:
        found.append(f"python -m core table {ids}{on}")
    if "hypotheses" in sections:
        found.append(f"python -m core hypotheses {ids}{on}")
    some = shlex.join(["--sections", ",".join(sections)])
    found.append(f"python -m core write-report {shlex.join([*pair, *words])} {some} --to report.html")
    return found
