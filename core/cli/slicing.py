"""The command that finds the worst groups: slices."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from core.cli.options import Json, Per, RunName, Where
from core.cli.output import digits, print_json, print_table, progress_bar
from core.data.store import open_dataset
from core.data.where import parse_where
from core.judge.reporting.reports import slices_report
from core.judge.slicing.predicates import make_predicates
from core.judge.slicing.slice_cache import save_slices
from core.judge.slicing.slices import MOST_SLICES, find_slices
from core.runs.folder import open_run


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command("slices")(show_slices)


def show_slices(
    run: RunName,
    per: Per = "molecule",
    most: Annotated[int, typer.Option(min=1, max=100, help="how many groups to confirm")] = MOST_SLICES,
    where: Where = None,
    on: Annotated[str, typer.Option("--dataset", help="another dataset that the run has predicted")] = "",
    json: Json = False,
) -> None:
    """Find the groups that a run predicts worst: among validation molecules, confirmed on test molecules.

    The dataset's search index is made first where it is missing; functional groups need it.
    """
    opened = open_run(run)
    dataset = open_dataset(on or opened.dataset_name)
    within = parse_where(where or [], dataset) or None
    with progress_bar("searching") as update:
        predicates = make_predicates(dataset, update)
        found = find_slices([opened], dataset, per, most, predicates, update, within)[0]
    if most == MOST_SLICES:
        save_slices(found, dataset, per, within)  # the page shows it then without a search of its own
    content = slices_report(found)
    if json:
        print_json(content)
        return
    _print_slices(content)


def _print_slices(content: dict[str, Any]) -> None:
    unit = content["unit"]
    among = f" with {', '.join(content['within'])}" if content["within"] else ""
    print(f"{content['run']}: {content['target']} of {content['dataset']}{among}, MAE {digits(content['mae'])} {unit}")
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
                digits(row["mae"]),
                digits(row["rest_mae"]),
                "" if row["low"] is None else f"{digits(row['low'])} to {digits(row['high'])}",
                row["state"],
            )
            for row in content["slices"]
        ],
    )
    if content["left_out"]:
        print(f"\n{content['left_out']}")
