"""Commands about latents and seeds: the error map, and how well a spread or a distance tells the error."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from core.cli.options import Json, RunName, Where
from core.cli.output import four_decimals, print_json, print_table
from core.data.store import Dataset, open_dataset
from core.data.where import parse_where
from core.errors import MollensError
from core.judge.held_out import HeldOut, held_out, optimistic
from core.judge.inspect.error_map import error_map
from core.judge.inspect.tenths import seeds_of, uncertainty_report
from core.judge.inspect.uncertainty import uncertainties
from core.runs.folder import Run, open_run
from core.runs.inside import Inside, read_inside

DatasetName = Annotated[str, typer.Option("--dataset", help="another dataset that the run has predicted")]
Part = Annotated[str, typer.Option(help="test, or validation: the part of the split")]


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command("map")(show_map)
    app.command("uncertainty")(show_uncertainty)


def show_map(
    run: RunName, where: Where = None, part: Part = "test", dataset: DatasetName = "", json: Json = False
) -> None:
    """Print where molecules lie on the first two principal components of a run's latents, with their errors."""
    found, opened, source = _opened(run, dataset, part)
    places = error_map(source, _inside(found, opened))
    selection = parse_where(where or [], opened)
    within = selection.mask(opened) if selection else None
    mean = places.mean_error(within)
    content: dict[str, Any] = {
        "run": found.name, "dataset": opened.name, "part": part, "unit": source.target.unit,
        "where": selection.where(), "explained": list(places.places.explained), "n_held_out": mean.n_held_out,
        "n_train": mean.n_train, "mae": mean.mae if mean.n_held_out else None,
        "molecules": places.table(within).to_dicts(), "warnings": optimistic([found], opened),
    }  # fmt: skip
    if json:
        print_json(content)
        return
    x, y = places.places.explained
    print(f"{found.name} on {opened.name}: the axes hold {100 * x:.0f} % and {100 * y:.0f} % of the variance")
    print("".join(f"{warning}\n" for warning in content["warnings"]))
    held = [each for each in content["molecules"] if each["error"] is not None]
    held.sort(key=lambda each: -abs(each["error"]))
    rows = [(m["id"], m["size"], f"{m['x']:.2f}", f"{m['y']:.2f}", four_decimals(m["error"])) for m in held[:20]]
    print_table(("id", "atoms", "x", "y", f"error [{source.target.unit}]"), rows)


def show_uncertainty(run: RunName, dataset: DatasetName = "", json: Json = False) -> None:
    """Print how well the spread between seeds and the distance of latents tell the error, within sizes."""
    found = open_run(run)
    opened = open_dataset(dataset or found.dataset_name)
    seeds = seeds_of(found, opened.name)
    told = uncertainties(seeds, opened)
    content: dict[str, Any] = {**uncertainty_report(told), "warnings": optimistic(seeds, opened)}
    if json:
        print_json({"run": found.name, "dataset": opened.name, **content})
        return
    for warning in content["warnings"]:
        print(warning)
    for each in told.found:
        print(f"{each.sentence}\n")
        parts = each.within_sizes.parts
        rows = [(f"{100 * p.low:.0f} to {100 * p.high:.0f} %", p.n, f"{p.relative_error:.2f}") for p in parts]
        print_table(("of its size", "molecules", "error / mean of the size"), rows)
        print()
    for text in told.missing:
        print(text)


def _opened(run: str, dataset: str, part: str) -> tuple[Run, Dataset, HeldOut]:
    found = open_run(run)
    opened = open_dataset(dataset or found.dataset_name)
    return found, opened, held_out(found, opened, part)


def _inside(run: Run, dataset: Dataset) -> Inside:
    inside = read_inside(run, dataset.name)
    if inside is None:
        raise MollensError(
            f"{run.what}: nobody has looked inside its network for {dataset.name} yet; do so with: python -m core "
            f"look-inside {run.id}" + (f" --dataset {dataset.name}" if dataset.name != run.dataset_name else "")
        )
    return inside
