"""Commands that judge: report."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from core.cli.inspecting import By, With
from core.cli.options import Json, Per, RunName, Where
from core.cli.output import digits, print_json, print_table
from core.data.store import open_dataset
from core.data.where import parse_where
from core.judge.errors import report
from core.judge.measures import MEASURES, RELATIVE
from core.judge.statistics.intervals import N_PERCENTILE, N_POINTS_ONLY
from core.runs.folder import open_run

_HEADS = {"mae": "MAE", "rmse": "RMSE", "mse": "MSE", "p95": "95th percentile"}


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command("report")(show_report)


def show_report(
    run: RunName,
    by: By = "size",
    measure: Annotated[str, typer.Option(help=f"measure with its interval: {', '.join(MEASURES)}")] = "mae",
    per: Per = "molecule",
    part: Annotated[str, typer.Option(help="test, or validation: the part of the split")] = "test",
    where: Where = None,
    relative: Annotated[
        str | None,
        typer.Option(help=f"{', '.join(RELATIVE)}: the ratio of every error to that of the baseline on its molecules"),
    ] = None,
    simultaneous: Annotated[
        bool, typer.Option("--simultaneous", help="also intervals that hold for all groups at once")
    ] = False,
    others: With = None,
    on: Annotated[str, typer.Option("--dataset", help="another dataset that the run has predicted")] = "",
    json: Json = False,
) -> None:
    """Print the errors of a run on its held-out molecules, overall and by group."""
    found = open_run(run)
    dataset = open_dataset(on or found.dataset_name)
    also = [open_run(other) for other in others or []]
    within = parse_where(where or [], dataset)
    content = report(found, dataset, by, measure, part, per, also, within, relative, simultaneous)
    if json:
        print_json(content)
        return
    _print_report(content, by, measure, simultaneous)


def _print_report(content: dict[str, Any], by: str, measure: str, simultaneous: bool) -> None:
    part, n = content["part"], content["n"]
    among = f" with {', '.join(content['where'])}" if content["where"] else ""
    print(
        f"{content['run']}: {content['target']} of {content['dataset']}, {n:,} {part} molecules of split "
        f"{content['split']}{among}"
    )
    for warning in content["warnings"]:
        print(warning)
    if n == 0:
        print("no such molecule is held out")
        return
    told = [f"{_HEADS.get(m, m)} {_value(content, m)}{_unit(content, m)}" for m in _shown(measure)]
    if content["baseline_mae"] is not None:  # of a model from elsewhere it may not be known
        baseline = f"{digits(content['baseline_mae'])} {content['baseline_unit']}"
        told.append(f"baseline (linear in composition) MAE {baseline}")
    print(f"{', '.join(told)}{'; errors are ratios to those of the baseline' if content['relative'] else ''}\n")
    print_table(
        (by, part, "training", *_columns(content, measure, simultaneous)),
        [
            (
                group["group"],
                f"{group['n_held_out']:,}",
                f"{group['n_train']:,}",
                digits(group[measure]),
                _interval(group, measure),
                *([_interval(group, measure, "_all")] if simultaneous else []),
                *(digits(group[m]) for m in _shown(measure)[1:]),
            )
            for group in content["groups"]
        ],
    )
    least = N_PERCENTILE if measure == "p95" else N_POINTS_ONLY
    each = "; each of the 95 % intervals holds by itself" + (
        "" if simultaneous else ", with --simultaneous all at once"
    )
    print("\na maximum has no interval" if measure == "max" else f"\nno interval below {least} molecules{each}")


def _shown(measure: str) -> list[str]:
    return list(dict.fromkeys((measure, "mae", "rmse")))


def _unit(content: dict[str, Any], measure: str) -> str:
    unit = content["measure_unit"] if measure == content["measure"] else content["unit"]
    return f" {unit}" if unit else ""


def _columns(content: dict[str, Any], measure: str, simultaneous: bool) -> list[str]:
    heads = []
    for each in _shown(measure):
        unit = _unit(content, each).strip()
        heads.append(f"{_HEADS.get(each, each)} [{unit}]" if unit else f"{_HEADS.get(each, each)} / baseline")
    return [heads[0], "95 % interval", *(["95 % together"] if simultaneous else []), *heads[1:]]


def _value(content: dict[str, Any], measure: str) -> str:
    interval = _interval(content, measure)
    return digits(content[measure]) + (f" ({interval})" if interval else "")


def _interval(row: dict[str, Any], measure: str, kind: str = "") -> str:
    low, high = row.get(f"{measure}_low{kind}"), row.get(f"{measure}_high{kind}")
    return "" if low is None or high is None else f"{digits(low)} to {digits(high)}"
