"""Commands that compare and explain: compare, hypotheses, table."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from core.cli.options import Json, Per
from core.cli.output import digits, print_json, print_table
from core.data.store import Dataset, open_dataset
from core.errors import MollensError
from core.judge.comparing.compare import COMPARED, check_recipes, compare_runs
from core.judge.comparing.recipes_compared import LEAST_SEEDS, seeds_of
from core.judge.comparing.runs_table import runs_table
from core.judge.comparing.seed_errors import TABLE_MEASURES
from core.judge.hypotheses.asking import ask_hypotheses
from core.judge.hypotheses.findings import CLAIMS
from core.judge.reporting.reports import comparison_report, finding_report, runs_table_report
from core.judge.statistics.intervals import N_POINTS_ONLY
from core.runs.folder import Run, list_runs, open_run

Runs = Annotated[list[str], typer.Argument(metavar="RUN...", help="ids or unambiguous names of runs on one dataset")]
On = Annotated[
    str | None,
    typer.Option(
        "--dataset", help="judge them on this dataset, for which all have predictions; else on the one of the training"
    ),
]
Part = Annotated[str, typer.Option(help="test, or validation: the part of the split")]


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command("compare")(show_comparison)
    app.command("hypotheses")(show_hypotheses)
    app.command("table")(show_table)


def show_comparison(
    a: Annotated[str, typer.Argument(metavar="A", help="id or unambiguous name of a run")],
    b: Annotated[str, typer.Argument(metavar="B", help="another run on the same dataset")],
    by: Annotated[
        str,
        typer.Option(help="size, element, heavy, rings, functional_group, unsaturation, all, a property, ..."),
    ] = "size",
    measure: Annotated[str, typer.Option(help=", ".join(COMPARED))] = "mae",
    per: Per = "molecule",
    margin: Annotated[
        float | None,
        typer.Option(help="difference that is called equal, in the target's unit; default 1 meV or 5 % of the error"),
    ] = None,
    seeds: Annotated[
        bool,
        typer.Option("--seeds", help=f"compare the recipes, with all their seeds; at least {LEAST_SEEDS} of each"),
    ] = False,
    part: Part = "test",
    on: On = None,
    json: Json = False,
) -> None:
    """Compare two runs on the molecules that neither has seen: differences with intervals, and a verdict."""
    one, other = open_run(a), open_run(b)
    sides: list[Run | list[Run]] = [one, other]
    if seeds:
        everything = list_runs()
        recipes = [seeds_of(run, everything) for run in (one, other)]
        check_recipes(*recipes)
        sides = [*recipes]
    dataset = _dataset_of([one, other], on)
    found = compare_runs(sides[0], sides[1], dataset, by, measure, per, margin, part)
    content = comparison_report(found)
    if json:
        print_json(content)
        return
    _print_comparison(content)


def _print_comparison(content: dict[str, Any]) -> None:
    unit = content["unit"]
    for letter in ("a", "b"):
        side = content[letter]
        print(f"{letter.upper()}: {', '.join(side['names'])} ({content['measure'].upper()} of {side['target']})")
    for note in content["notes"]:
        print(note)
    left_out = f", {content['left_out']:,} left out" if content["left_out"] else ""
    about = "these two networks" if content["about"] == "networks" else "the two recipes, whatever the seed"
    print(f"{content['n']:,} {content['part']} molecules of {content['dataset']} that neither has seen{left_out}")
    print(f"About {about}. {content['sentence']}\n")
    rows = [content["whole"], *([] if content["by"] == "all" else content["groups"])]
    print_table(
        (
            content["by"], content["part"], f"A [{unit}]", f"B [{unit}]", "B - A", "95 % together", "B better in",
            "margin", "state",
        ),
        [
            (
                row["group"],
                f"{row['n_held_out']:,}",
                digits(row["error_a"]),
                digits(row["error_b"]),
                digits(row["difference"]),
                _limits(row["low"], row["high"]),
                f"{100 * row['improved']:.0f} %",
                digits(row["margin"]),
                row["state"] or "",
            )
            for row in rows
        ],
    )  # fmt: skip
    print(f"\nno interval below {N_POINTS_ONLY} molecules; intervals of all groups hold at once")


def show_hypotheses(
    runs: Runs,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="H", help=f"{', '.join(CLAIMS)}; may be repeated")
    ] = None,
    per: Per = "molecule",
    part: Part = "test",
    on: On = None,
    json: Json = False,
) -> None:
    """Put the thesis's hypotheses to runs: are rare sizes and elements predicted worse, does balancing help?

    Controls of H3 and H4, and experiments that answer H1, are looked for among all runs.
    """
    opened = [open_run(name) for name in runs]
    dataset = _dataset_of(opened, on)
    among = [run for run in list_runs() if run.error is None and run.dataset_name == dataset.name]
    found = ask_hypotheses(opened, dataset, among, only or (), part, per)
    if json:
        print_json({"dataset": dataset.name, "part": part, "hypotheses": [finding_report(each) for each in found]})
        return
    heading = ""
    for each in found:
        if each.hypothesis != heading:
            heading = each.hypothesis
            print(f"{heading}: {each.claim}?")
        print(f"  {', '.join(run.name for run in each.runs)}: {each.state}. {each.sentence}")
        about = "About the recipe, whatever the seed" if each.about == "recipes" else "About this network only"
        told = [
            f"{about}: {each.line}" if each.line else "",
            each.caution,
            f"Provisional: {'; '.join(each.provisional)}." if each.provisional else "",
        ]
        print("".join(f"    {line}\n" for line in told if line), end="")
        if each.action is not None:
            commands = "".join(f"\n      {command}" for command in each.action.commands)
            print(f"    {each.action.label}:{commands}")


def show_table(
    runs: Runs,
    on: On = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            "--group",
            metavar="G",
            help='a group with a column: rare, "with F", 17-19, where:FILTER;FILTER; may be repeated; "" for none',
        ),
    ] = None,
    measure: Annotated[str, typer.Option(help=", ".join(TABLE_MEASURES))] = "mae",
    per: Per = "molecule",
    part: Part = "test",
    json: Json = False,
) -> None:
    """Runs side by side: what differs in their recipes, errors, time, size; the seeds of a recipe in one row."""
    opened = [open_run(name) for name in runs]
    groups = None if group is None else [each for each in group if each]
    content = runs_table_report(runs_table(opened, _dataset_of(opened, on), part, measure, per, groups))
    if json:
        print_json(content)
        return
    shared = f"{content['n_shared']:,} {part} molecules that no run has seen" if content["n_shared"] else "of its own"
    print(f"{content['dataset']}: {shared}; {measure.upper()} in {content['unit']}, with the spread over seeds\n")
    fields, asked, rows = content["recipe_fields"], content["groups"], content["rows"]
    print_table(
        (
            "recipe", "seeds", measure.upper(), f"MSE [{content['mse_unit']}]",
            *(f"{each['label']} ({each['n']:,})" for each in asked), "parameters", "epochs", "training",
            "validation", "molecules/s", "convergence", "trained on",
        ),
        [
            (
                row["name"] + (" *" if row["own"] else ""), row["n_seeds"],
                _with_spread(row["error"], row["error_spread"]), _with_spread(row["mse"], row["mse_spread"]),
                *(_with_spread(row[f"group.{each['key']}"], row[f"group.{each['key']}.spread"]) for each in asked),
                _count(row["parameters"]), _count(row["epochs"]), _duration(row["train_seconds"]),
                _duration(row["validation_seconds"]), _count(row["molecules_per_second"]), row["convergence"],
                row["trained_on"],
            )
            for row in rows
        ],
    )  # fmt: skip
    if fields:
        print("\nwhat differs")
        print_table(("recipe", *fields), [(row["name"], *(row[f"recipe.{name}"] for name in fields)) for row in rows])
    if any(row["own"] for row in rows):
        print("\n* on held-out molecules of its own")
    for note in content["notes"]:
        print(f"\n{note}")


def _with_spread(value: float | None, spread: float | None) -> str:
    return digits(value) + ("" if spread is None or value is None else f" ± {digits(spread)}")


def _count(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{seconds:.1f} s" if seconds < 10 else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min {rest:02d} s"


def _dataset_of(runs: list[Run], on: str | None) -> Dataset:
    """The dataset that runs are judged on: the one that is named, else the one that all were trained on."""
    if on is not None:
        return open_dataset(on)
    names = {run.dataset_name for run in runs}
    if len(names) > 1:
        told = ", ".join(f"{run.name} ({run.dataset_name})" for run in runs)
        raise MollensError(
            f"runs {told}: are on different datasets; name runs on one dataset, or with --dataset one that all have "
            "predictions for"
        )
    return open_dataset(names.pop())


def _limits(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{digits(low)} to {digits(high)}"
