"""Commands that look closer: curves of groups over epochs, and the worst molecules."""

from __future__ import annotations

from typing import Annotated

import typer

from core.cli.options import Json, Per, RunName
from core.cli.output import four_decimals, print_json, print_table
from core.data.store import open_dataset
from core.judge.curves import curves_report
from core.judge.groups import parse_group
from core.judge.held_out import held_out
from core.judge.outliers import outliers_report, page_of
from core.runs.folder import open_run


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command("curves")(show_curves)
    app.command("outliers")(show_outliers)


def show_curves(
    run: RunName,
    by: Annotated[str, typer.Option(help="all, size, element, size_element, size_class or rarity")] = "size",
    measure: Annotated[str, typer.Option(help="mae, rmse or bias")] = "mae",
    per: Per = "molecule",
    json: Json = False,
) -> None:
    """Print the validation error of groups over the epochs; without --json the last recorded epoch."""
    found = open_run(run)
    content = curves_report(found, open_dataset(found.dataset_name), by, measure, per)
    if json:
        print_json(content)
        return
    if not content["epochs"]:
        print(f"{content['run']}: recorded no epochs")
        return
    print(f"{content['run']}: validation {measure.upper()} after epoch {content['epochs'][-1]}\n")
    rows = [(g["group"], g["n_validation"], g["n_train"], four_decimals(g[measure][-1])) for g in content["groups"]]
    print_table((by, "validation", "training", f"{measure.upper()} [{content['unit']}]"), rows)


def show_outliers(
    run: RunName,
    size: Annotated[str, typer.Option(help="only this number of atoms, e.g. 17 or 17-19")] = "",
    element: Annotated[str, typer.Option(help="only molecules that contain it, e.g. F")] = "",
    order: Annotated[str, typer.Option(help="worst, best, 'too high', 'too low' or random")] = "worst",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 9,
    offset: Annotated[int, typer.Option(min=0)] = 0,
    json: Json = False,
) -> None:
    """Print the test molecules that a run predicts worst, best or most one-sidedly."""
    found = open_run(run)
    source = held_out(found, open_dataset(found.dataset_name))
    group = parse_group(size or None, element or None)
    content = outliers_report(page_of(source, group, order, limit, offset), source, group, order)
    if json:
        print_json(content)
        return
    print(f"{content['run']}: {content['n']:,} test molecules, {order} first\n")
    unit = content["unit"]
    print_table(
        ("id", f"error [{unit}]", "atoms", "formula", f"target [{unit}]", f"predicted [{unit}]", "SMILES"),
        [
            (
                m["id"],
                f"{m['error']:+.4f}",
                m["size"],
                m["formula"],
                four_decimals(m["target"]),
                four_decimals(m["predicted"]),
                m["smiles"],
            )
            for m in content["molecules"]
        ],
    )
