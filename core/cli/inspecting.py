"""Commands that look closer: curves of groups over epochs, the worst molecules, and how errors are spread."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from core.cli.options import Json, Per, RunName, Where
from core.cli.output import four_decimals, print_json, print_table
from core.data.store import Dataset, open_dataset
from core.data.where import parse_where
from core.errors import MollensError
from core.files import write_bytes
from core.judge.comparing.recipes_compared import seeds_of
from core.judge.curves import CURVE_MEASURES, curves_report
from core.judge.grouping.groups import parse_group
from core.judge.held_out import HeldOut, held_out, optimistic, shared_held_out
from core.judge.inspect.gallery import export_gallery, gallery_format
from core.judge.inspect.outliers import ORDERS, OutlierPage, outliers_report, page_of
from core.judge.inspect.paired_orders import PAIRED_ORDERS
from core.judge.residuals import residuals_report
from core.runs.folder import Run, list_runs, open_run
from core.runs.predictions import predictions_folder

By = Annotated[
    str,
    typer.Option(
        help="all, size, element, size_element, size_class, rarity, heavy, unsaturation, rings, functional_group, a "
        "property (its fifths), where:FILTER;FILTER (such molecules and all others), or rare:N (sizes with fewer than "
        "N training molecules)"
    ),
]
With = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="RUN", help="only molecules that this run has not seen either; may be repeated"),
]


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command("curves")(show_curves)
    app.command("outliers")(show_outliers)
    app.command("residuals")(show_residuals)


def show_curves(
    run: RunName,
    by: By = "size",
    measure: Annotated[str, typer.Option(help=", ".join(CURVE_MEASURES))] = "mae",
    per: Per = "molecule",
    where: Where = None,
    json: Json = False,
) -> None:
    """Print the validation error of groups over the epochs; without --json the last recorded epoch."""
    found = open_run(run)
    dataset = open_dataset(found.dataset_name)
    content = curves_report(found, dataset, by, measure, per, parse_where(where or [], dataset))
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
    where: Where = None,
    order: Annotated[
        str,
        typer.Option(
            help="worst, best, 'too high', 'too low', random, differ (most different from the runs of --with) or seeds "
            "(most varied between the seeds of the recipe)"
        ),
    ] = "worst",
    others: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="RUN", help="with --order differ: a run of the other model; may be repeated"),
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="also write these molecules to a file: .csv, .extxyz, .npz, .db or .html")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 9,
    offset: Annotated[int, typer.Option(min=0)] = 0,
    part: Annotated[str, typer.Option(help="test, or validation: the part of the split")] = "test",
    on: Annotated[str, typer.Option("--dataset", help="another dataset that the run has predicted")] = "",
    json: Json = False,
) -> None:
    """Print the held-out molecules that a run predicts worst, best or most one-sidedly, or that runs disagree about."""
    writer = None if to is None else gallery_format(to)  # a file of no known kind is refused before anything is done
    found = open_run(run)
    dataset = open_dataset(on or found.dataset_name)
    source = held_out(found, dataset, part)
    group, chosen = parse_group(size or None, element or None), parse_where(where or [], dataset)
    inside = chosen.mask(dataset)
    if group is not None:
        inside &= group.members(dataset.molecules, np.arange(dataset.molecules.n_molecules))
    against = [held_out(open_run(name), dataset, part) for name in others or []]
    seeds = _seeds(found, dataset, part) if order == "seeds" else []
    page = page_of(source, inside, order, limit, offset, against=against, seeds=seeds)
    content = outliers_report(page, source, group, order, chosen.where())
    content["warnings"] = optimistic([found, *(other.run for other in (*against, *seeds))], dataset)
    if others:
        content["with"] = [other.run.name for other in against]
    if to is not None:
        _write(source, page, to, writer is None, order, " ".join(chosen.where()))
    if json:
        print_json(content)
        return
    print(f"{content['run']}: {content['n']:,} {part} molecules, {order} first")
    print("".join(f"{warning}\n" for warning in content["warnings"]))
    unit = content["unit"]
    name, key = {"differ": ("difference", "difference"), "seeds": ("spread", "seed_spread")}.get(order, ("", ""))
    more = (f"{name} [{unit}]",) if key else ()
    print_table(
        ("id", f"error [{unit}]", *more, "atoms", "formula", f"target [{unit}]", f"predicted [{unit}]", "SMILES"),
        [
            (
                m["id"],
                f"{m['error']:+.4f}",
                *((f"{m[key]:+.4f}" if order == "differ" else f"{m[key]:.4f}",) if key else ()),
                m["size"],
                m["formula"],
                four_decimals(m["target"]),
                four_decimals(m["predicted"]),
                m["smiles"],
            )
            for m in content["molecules"]
        ],
    )


def _seeds(run: Run, dataset: Dataset, part: str) -> list[HeldOut]:
    """The other seeds of a run's recipe that can be judged here."""
    found = []
    for other in seeds_of(run, list_runs()):
        if other.id != run.id and predictions_folder(other, dataset.name) is not None:
            found.append(held_out(other, dataset, part))
    return found


def _write(source: HeldOut, page: OutlierPage, to: Path, as_html: bool, order: str, filters: str) -> None:
    """Write the molecules of a page; what is written is told on standard error, apart from what is printed."""
    if as_html:
        from core.figures.html_gallery import SCRIPT, gallery_html  # brings RDKit along

        if not to.parent.is_dir():
            raise MollensError(f"{to}: its folder is not there; make it first or choose another")
        words = {**ORDERS, **PAIRED_ORDERS}[order]
        write_bytes(to, gallery_html(source, page, words, filters).encode())
        if not SCRIPT.exists():
            missing = "static/3Dmol-min.js is missing; see tools/fetch_static.py"
            print(f"{to}: without 3D, because {missing}", file=sys.stderr)
    else:
        export_gallery(source, page, to)
    print(f"{to}: {len(page.table):,} molecules", file=sys.stderr)


def show_residuals(
    run: RunName,
    others: With = None,
    where: Where = None,
    per: Per = "molecule",
    part: Annotated[str, typer.Option(help="test, or validation: the part of the split")] = "test",
    absolute: Annotated[bool, typer.Option("--absolute", help="spread of |error| instead of the signed error")] = False,
    on: Annotated[str, typer.Option("--dataset", help="another dataset that the run has predicted")] = "",
    bins: Annotated[int, typer.Option(min=2, max=500, help="about so many bins along each axis")] = 44,
    json: Json = False,
) -> None:
    """Print how errors are spread: their density against the target, and the distribution of all runs that are named.

    Of an energy the target is shown without its free atoms, never as a total.
    """
    runs = [open_run(name) for name in (run, *(others or []))]
    dataset = open_dataset(on or runs[0].dataset_name)
    only = shared_held_out(runs, dataset, part) if len(runs) > 1 else None
    sources = [held_out(each, dataset, part, only) for each in runs]
    content = residuals_report(sources, parse_where(where or [], dataset), per, not absolute, bins)
    if json:
        print_json(content)
        return
    _print_residuals(content)


def _print_residuals(content: dict[str, Any]) -> None:
    unit = content["unit"]
    print(f"{content['run']}: {content['n']:,} {content['part']} molecules of {content['dataset']}")
    print("".join(f"{warning}\n" for warning in content["warnings"]))
    print_table(
        ("run", f"median error [{unit}]", f"median |error| [{unit}]", f"95 % below [{unit}]"),
        [
            (each["run"], four_decimals(each["bias_median"]), four_decimals(each["median"]), four_decimals(each["p95"]))
            for each in content["distribution"]["runs"]
        ],
    )
    density = content["density"]
    if content["n"] == 0:
        print("\nno such molecule is held out with a target that can be shown along an axis")
        return
    edges, axis = density["x_edges"], f"{density['x_label']} [{density['x_unit']}]".removesuffix(" []")
    print(f"\nerror of {content['run']} along {axis}\n")
    quartiles = (density["low"], density["median"], density["high"])
    columns = list(zip(edges[:-1], edges[1:], density["column_n"], *quartiles, strict=True))
    print_table(
        ("from", "to", content["part"], f"lower quartile [{unit}]", f"median [{unit}]", f"upper quartile [{unit}]"),
        [(f"{a:.5g}", f"{b:.5g}", n, *map(four_decimals, limits)) for a, b, n, *limits in columns if n],
    )
