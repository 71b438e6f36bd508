"""Commands that compare and explain: compare, hypotheses, slices."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from core.cli.options import Json, Per, RunName
from core.cli.output import four_decimals, print_json, print_table, progress_bar
from core.data.store import open_dataset
from core.errors import MollensError
from core.judge.compare import COMPARED, check_recipes, compare_runs
from core.judge.findings import CLAIMS
from core.judge.hypotheses import ask_hypotheses
from core.judge.intervals import N_POINTS_ONLY
from core.judge.predicates import open_predicates
from core.judge.recipes_compared import LEAST_SEEDS, seeds_of
from core.judge.reports import comparison_report, finding_report, slices_report
from core.judge.slices import MOST_SLICES, find_slices
from core.runs.folder import Run, list_runs, open_run

Runs = Annotated[list[str], typer.Argument(metavar="RUN...", help="ids or unambiguous names of runs on one dataset")]
Part = Annotated[str, typer.Option(help="test, or validation: the part of the split")]


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command("compare")(show_comparison)
    app.command("hypotheses")(show_hypotheses)
    app.command("slices")(show_slices)


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
    found = compare_runs(sides[0], sides[1], open_dataset(one.dataset_name), by, measure, per, margin, part)
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
                four_decimals(row["error_a"]),
                four_decimals(row["error_b"]),
                four_decimals(row["difference"]),
                _limits(row["low"], row["high"]),
                f"{100 * row['improved']:.0f} %",
                four_decimals(row["margin"]),
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
    json: Json = False,
) -> None:
    """Put the thesis's hypotheses to runs: are rare sizes and elements predicted worse, does balancing help?

    Controls of H3 and H4 are looked for among all runs.
    """
    opened = _of_one_dataset(runs)
    dataset = open_dataset(opened[0].dataset_name)
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
        if each.provisional:
            print(f"    provisional: {'; '.join(each.provisional)}")


def show_slices(
    run: RunName,
    per: Per = "molecule",
    most: Annotated[int, typer.Option(min=1, max=100, help="how many groups to confirm")] = MOST_SLICES,
    json: Json = False,
) -> None:
    """Find the groups that a run predicts worst: among validation molecules, confirmed on test molecules."""
    opened = open_run(run)
    dataset = open_dataset(opened.dataset_name)
    with progress_bar("searching") as update:
        found = find_slices([opened], dataset, per, most, open_predicates(dataset), update)[0]
    content = slices_report(found)
    if json:
        print_json(content)
        return
    unit = content["unit"]
    print(f"{content['run']}: {content['target']} of {content['dataset']}, MAE {content['mae']:.4f} {unit}")
    print(f"{content['sentence']}\n")
    print_table(
        (
            "group",
            "validation",
            "times others",
            "test",
            f"MAE [{unit}]",
            f"others [{unit}]",
            "95 % together",
            "state",
        ),
        [
            (
                row["label"],
                row["n_validation"],
                f"{row['ratio_validation']:.2f}",
                row["n_test"],
                four_decimals(row["mae"]),
                four_decimals(row["rest_mae"]),
                _limits(row["low"], row["high"]),
                row["state"],
            )
            for row in content["slices"]
        ],
    )
    if content["left_out"]:
        print(f"\n{content['left_out']}")


def _of_one_dataset(names: list[str]) -> list[Run]:
    runs = [open_run(name) for name in names]
    if len({run.dataset_name for run in runs}) > 1:
        told = ", ".join(f"{run.name} ({run.dataset_name})" for run in runs)
        raise MollensError(f"runs {told}: are on different datasets; name runs on one dataset")
    return runs


def _limits(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.4f} to {high:.4f}"
