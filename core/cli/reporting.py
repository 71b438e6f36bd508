"""The command that writes a report: one HTML file on two models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.cli.options import Json, Per
from core.cli.output import print_json
from core.data.store import open_dataset
from core.errors import MollensError
from core.files import write_bytes
from core.judge.comparing.compare import COMPARED, check_recipes, compare_runs
from core.judge.comparing.recipes_compared import LEAST_SEEDS, seeds_of
from core.judge.comparing.runs_table import common_name
from core.judge.reporting.report_content import SECTIONS, check_sections, gather
from core.runs.folder import Run, list_runs, open_run


def add_commands(app: typer.Typer) -> None:
    """Put the command of this file into `app`."""
    app.command("write-report")(write_report)


def write_report(
    a: Annotated[str, typer.Argument(metavar="A", help="id or unambiguous name of a run")],
    b: Annotated[str, typer.Argument(metavar="B", help="another run")],
    to: Annotated[Path, typer.Option(help="HTML file to write; one that is there is replaced")],
    sections: Annotated[
        str, typer.Option(help=f"which parts, separated by commas, of {', '.join(SECTIONS)}; without: all")
    ] = "",
    by: Annotated[str, typer.Option(help="grouping of the verdict, as of compare")] = "size",
    measure: Annotated[str, typer.Option(help=", ".join(COMPARED))] = "mae",
    per: Per = "molecule",
    margin: Annotated[float | None, typer.Option(help="difference that is called equal, in the target's unit")] = None,
    seeds: Annotated[
        bool, typer.Option("--seeds", help=f"on the recipes, with all their seeds; at least {LEAST_SEEDS} of each")
    ] = False,
    part: Annotated[str, typer.Option(help="test, or validation: the part of the split")] = "test",
    dataset: Annotated[
        str | None, typer.Option(help="judge them on this dataset, for which both have predictions")
    ] = None,
    json: Json = False,
) -> None:
    """Write a report on two models: one HTML file with verdict, figures, tables, hypotheses, methods and hashes."""
    from core.figures.html_report import report_html  # plotly is imported by the command that needs it

    chosen = check_sections([word.strip() for word in sections.split(",")] if sections else list(SECTIONS))
    if to.is_dir() or not to.parent.is_dir():
        raise MollensError(f"report {to}: is a folder or lies in none; name an HTML file in a folder that is there")
    one, other, every = open_run(a), open_run(b), list_runs()
    sides: list[list[Run]] = [[one], [other]]
    if seeds:
        sides = [seeds_of(run, every) for run in (one, other)]
        check_recipes(*sides)
    opened = open_dataset(dataset or one.dataset_name)
    found = compare_runs(
        sides[0] if seeds else one, sides[1] if seeds else other, opened, by, measure, per, margin, part
    )
    among = [run for run in every if run.error is None and run.dataset_name == opened.name]
    names = tuple(common_name([run.name for run in side]) if len(side) > 1 else side[0].name for side in sides)
    content = report_html(gather(found, chosen, among), (names[0], names[1])).encode()
    write_bytes(to, content)
    if json:
        print_json({"report": str(to), "bytes": len(content), "sections": list(chosen), "sentence": found.sentence})
        return
    print(f"{to}: {len(content) / 1e6:.1f} MB. {found.sentence}")
