"""Commands that ask why a molecule is wrong: molecule, suspicious-labels, second-levels, what-helps."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import typer

from core.cli.options import Json, RunName, Where
from core.cli.output import four_decimals, print_json, print_table, progress_bar
from core.data.store import Dataset, open_dataset
from core.data.where import parse_where
from core.errors import MollensError
from core.judge.inspect.bench import Bench, open_bench
from core.judge.inspect.evidence import evidence_on
from core.judge.inspect.levels import make_levels, possible_levels
from core.judge.inspect.reports import help_report, molecule_report, suspicious_report
from core.judge.inspect.suspicious import label_suspicions
from core.judge.inspect.what_helps import what_helps
from core.runs.folder import Run, list_runs, open_run
from core.runs.predictions import predictions_folder

MOST_COUNTS = 12
"""Features that a table shows; --json has all."""
On = Annotated[str, typer.Option("--dataset", help="another dataset that the run has predicted")]
Others = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="RUN", help="a run to ask besides; may be repeated; all of the dataset by default"),
]
Runs = Annotated[
    list[str], typer.Argument(metavar="RUN...", help="runs on one dataset: several seeds, best of two models")
]
Part = Annotated[str, typer.Option(help="test, or validation: the part of the split")]


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command("molecule")(show_molecule)
    app.command("suspicious-labels")(show_suspicious)
    app.command("second-levels")(set_beside)
    app.command("what-helps")(show_help)


def runs_on(dataset: Dataset, first: Run, names: list[str] | None) -> list[Run]:
    """The run and those to ask besides: the named ones, or all that predict the same target here."""
    if names:
        return [first, *(open_run(name) for name in names)]
    others = [run for run in list_runs() if run.error is None and run.id != first.id]
    return [first, *(r for r in others if r.target == first.target and predictions_folder(r, dataset.name) is not None)]


def _bench(run: str, on: str, others: list[str] | None) -> Bench:
    first = open_run(run)
    dataset = open_dataset(on or first.dataset_name)
    return open_bench(runs_on(dataset, first, others), dataset)


def show_molecule(
    run: RunName,
    id: Annotated[int, typer.Argument(metavar="ID", help="id of a molecule of the dataset")],
    others: Others = None,
    on: On = "",
    json: Json = False,
) -> None:
    """Print one molecule in every run: its errors, the evidence for and against four causes, and what lies nearest."""
    bench = _bench(run, on, others)
    row = bench.row_of(id)
    content = molecule_report(bench, evidence_on(bench, row))
    if json:
        print_json(content)
        return
    _print_molecule(content)


def _print_molecule(content: dict[str, Any]) -> None:
    unit, first = content["unit"], content["runs"][0]
    print(
        f"molecule {content['id']}: {content['formula']}, {content['size']} atoms, {content['smiles'] or 'no SMILES'}"
    )
    if first["error"] is not None:
        place = first["place"]
        times = "" if place["times_spread"] is None else f", {place['times_spread']:.1f} times the spread of its size"
        print(
            f"{content['run']}: {first['called']} {first['error']:+.4f} {unit}{times}; {place['rank']} of {place['n']}"
        )
    for remark in content["remarks"]:
        print(remark)
    print()
    print_table(
        ("run", "what it was", f"error [{unit}]", f"predicted [{unit}]", f"baseline error [{unit}]"),
        [
            (r["name"], r["code"], *(four_decimals(r[key]) for key in ("error", "predicted", "baseline_error")))
            for r in content["runs"]
        ],
    )
    for cause in content["evidence"]:
        print(f"\n{cause['title']}: {cause['grade']}")
        for kind, mark in (("for", "+"), ("against", "-"), ("unknown", "?")):
            for sentence in cause[kind]:
                print(f"  {mark} {sentence}")
    for by, near in content["nearest"].items():
        print(f"\nnearest training molecules by {by}" + (f": {near['why_none']}" if near["why_none"] else ""))
        if near["molecules"]:
            key = "distance" if by == "latents" else "similarity"
            rows = [
                (n["id"], f"{n[key]:.3f}", four_decimals(n["training_residual"]), n["formula"], n["smiles"])
                for n in near["molecules"]
            ]
            print_table(("id", key, f"training residual [{unit}]", "formula", "SMILES"), rows)


def show_suspicious(
    runs: Runs,
    part: Part = "test",
    on: On = "",
    json: Json = False,
) -> None:
    """List held-out molecules whose label may be wrong: all runs miss them alike, and data speak against them too."""
    opened = [open_run(name) for name in runs]
    dataset = open_dataset(on or opened[0].dataset_name)
    found = label_suspicions(opened, dataset, part)
    unit = dataset.property(opened[0].target).unit
    content = suspicious_report(found, dataset.name, unit, part)
    if json:
        print_json(content)
        return
    print(content["sentence"])
    for note in content["notes"]:
        print(note)
    for each in content["labels"]:
        print(f"\nmolecule {each['id']}: {each['grade']}, mean error {each['mean_error']:+.4f} {unit}")
        for mark, sentences in (("+", each["reasons"]), ("-", each["against"])):
            for sentence in sentences:
                print(f"  {mark} {sentence}")


def set_beside(
    name: Annotated[str, typer.Argument(help="name of the dataset")],
    target: Annotated[str, typer.Option(help="key of an energy; the dataset's default target")] = "default",
    json: Json = False,
) -> None:
    """Set a dataset beside all others with the same geometries at another level of theory; needed once."""
    dataset = open_dataset(name)
    key = dataset.target_key(target)
    if not possible_levels(dataset, key):
        raise MollensError(
            f"dataset {name}: no other dataset here has an energy at another, stated level of theory; import one"
        )
    with progress_bar(f"second levels of {name}") as update:
        found = make_levels(dataset, key, update)
    unit = dataset.property(key).unit
    if json:
        levels = [
            {"dataset": e.name, "level_of_theory": e.level_of_theory, "n_common": e.n_common, "spread": e.spread}
            for e in found
        ]
        print_json({"dataset": name, "target": key, "unit": unit, "levels": levels})
        return
    print_table(
        ("dataset", "level of theory", "in common", f"usual difference [{unit}]"),
        [(e.name, e.level_of_theory, f"{e.n_common:,}", four_decimals(e.spread)) for e in found],
    )
    if not found:
        print("no dataset has enough molecules in common")


def show_help(
    run: RunName,
    where: Where = None,
    on: On = "",
    json: Json = False,
) -> None:
    """Print what was trained on that is like chosen molecules (--where id=17), and runs that would weigh it more.

    Of the chosen molecules only those that are held out are looked at, if there are any.
    """
    bench = _bench(run, on, [run])
    chosen = parse_where(where or [], bench.dataset)
    rows = chosen.rows(bench.dataset)
    held = np.intersect1d(rows, bench.part_rows())
    rows = held if len(held) or not chosen.id else rows
    content = help_report(what_helps(bench, rows), bench)
    if json:
        print_json(content)
        return
    n_chosen, n_alike, n_train = (content[key] for key in ("n_chosen", "n_alike", "n_train"))
    print(f"{n_chosen:,} molecules; {n_alike:,} of {n_train:,} training molecules are like them: {content['alike']}\n")
    counts = content["counts"][:MOST_COUNTS]
    print_table(("", "chosen", "in training"), [(c["name"], c["n_chosen"], c["n_train"]) for c in counts])
    for each in content["suggestions"]:
        print(f"\n{each['label']}: {each['reason']}\n  {each['command']}")
    for remark in content["remarks"]:
        print(f"\n{remark}")
