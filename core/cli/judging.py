"""Commands that judge: report."""

from __future__ import annotations

from typing import Annotated

import typer

from core.cli.output import print_json, print_table
from core.data.store import open_dataset
from core.judge.errors import report
from core.runs.folder import open_run

Json = Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")]


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command("report")(show_report)


def show_report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="id or unambiguous name of a run")],
    by: Annotated[str, typer.Option(help="size or element")] = "size",
    measure: Annotated[str, typer.Option(help="measure in the table: mae, rmse, median, bias")] = "mae",
    json: Json = False,
) -> None:
    """Print the errors of a run on its test molecules, overall and by group."""
    found = open_run(run)
    content = report(found, open_dataset(found.dataset_name), by, measure)
    if json:
        print_json(content)
        return
    _print_report(content, by)


def _print_report(content: dict, by: str) -> None:
    unit = content["unit"]
    print(
        f"{content['run']}: {content['target']} of {content['dataset']}, {content['n']:,} test molecules of split "
        f"{content['split']}"
    )
    print(
        f"MAE {content['mae']:.4f} {unit}, RMSE {content['rmse']:.4f} {unit}; "
        f"baseline (linear in composition) MAE {content['baseline_mae']:.4f} {unit}\n"
    )
    print_table(
        (by, "test", "training", f"MAE [{unit}]", "95 % interval", f"RMSE [{unit}]"),
        [
            (
                g["group"],
                f"{g['n_held_out']:,}",
                f"{g['n_train']:,}",
                _number(g["mae"]),
                _interval(g),
                _number(g["rmse"]),
            )
            for g in content["groups"]
        ],
    )
    print("\nno interval below 10 molecules")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _interval(group: dict) -> str:
    return "" if group["mae_low"] is None else f"{group['mae_low']:.4f} to {group['mae_high']:.4f}"
