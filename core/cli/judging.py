"""Commands that judge: report."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from core.cli.options import Json, Per, RunName
from core.cli.output import four_decimals, print_json, print_table
from core.data.store import open_dataset
from core.judge.errors import report
from core.judge.groups import GROUPINGS
from core.judge.held_out import MEASURES
from core.judge.intervals import N_POINTS_ONLY
from core.runs.folder import open_run

_HEADS = {"mae": "MAE", "rmse": "RMSE", "p95": "95th percentile"}


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command("report")(show_report)


def show_report(
    run: RunName,
    by: Annotated[str, typer.Option(help=", ".join(GROUPINGS))] = "size",
    measure: Annotated[str, typer.Option(help=f"measure with its interval: {', '.join(MEASURES)}")] = "mae",
    per: Per = "molecule",
    part: Annotated[str, typer.Option(help="test, or validation: the part of the split")] = "test",
    others: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="RUN", help="only molecules that this run has not seen either; may be repeated"),
    ] = None,
    json: Json = False,
) -> None:
    """Print the errors of a run on its held-out molecules, overall and by group."""
    found = open_run(run)
    also = [open_run(other) for other in others or []]
    content = report(found, open_dataset(found.dataset_name), by, measure, part, per, also)
    if json:
        print_json(content)
        return
    _print_report(content, by, measure)


def _print_report(content: dict[str, Any], by: str, measure: str) -> None:
    unit, part = content["unit"], content["part"]
    print(
        f"{content['run']}: {content['target']} of {content['dataset']}, {content['n']:,} {part} molecules of split "
        f"{content['split']}"
    )
    told = [f"{_HEADS.get(m, m)} {_value(content, m)} {unit}" for m in dict.fromkeys((measure, "mae", "rmse"))]
    print(f"{', '.join(told)}; baseline (linear in composition) MAE {content['baseline_mae']:.4f} {unit}\n")
    more = [m for m in ("mae", "rmse") if m != measure]
    print_table(
        (by, part, "training", *_columns(measure, more, unit)),
        [
            (
                group["group"],
                f"{group['n_held_out']:,}",
                f"{group['n_train']:,}",
                four_decimals(group[measure]),
                _interval(group, measure),
                *(four_decimals(group[m]) for m in more),
            )
            for group in content["groups"]
        ],
    )
    print("\na maximum has no interval" if measure == "max" else f"\nno interval below {N_POINTS_ONLY} molecules")


def _columns(measure: str, more: list[str], unit: str) -> list[str]:
    heads = [f"{_HEADS.get(m, m)} [{unit}]" for m in (measure, *more)]
    return [heads[0], "95 % interval", *heads[1:]]


def _value(content: dict[str, Any], measure: str) -> str:
    interval = _interval(content, measure)
    return four_decimals(content[measure]) + (f" ({interval})" if interval else "")


def _interval(row: dict[str, Any], measure: str) -> str:
    low, high = row.get(f"{measure}_low"), row.get(f"{measure}_high")
    return "" if low is None or high is None else f"{low:.4f} to {high:.4f}"
