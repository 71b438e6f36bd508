"""Commands on what a dataset is divided into and what is wrong in it: split, splits, defects."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from core.cli.options import Json
from core.cli.output import print_json, print_table, progress_bar
from core.data.defects import KINDS, find_defects, read_defects
from core.data.drift import Distance, drift_report, find_drift, find_leakage
from core.data.identity import open_identities
from core.data.split_making import make_folds, make_split, preview
from core.data.split_methods import METHODS, in_words
from core.data.splits import PARTS, Split, list_splits, open_split
from core.data.store import Dataset, open_dataset
from core.errors import MollensError

DatasetName = Annotated[str, typer.Argument(metavar="DATASET", help="name of the dataset")]


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command("split")(split)
    app.command("splits")(show_splits)
    app.command("defects")(show_defects)


def split(
    dataset: DatasetName,
    name: Annotated[str | None, typer.Option(help="name of the new split; of k-fold their beginning")] = None,
    method: Annotated[str, typer.Option(help=", ".join(METHODS))] = "random",
    seed: Annotated[int, typer.Option(min=0, help="seed of the division")] = 0,
    train: Annotated[float | None, typer.Option(help="share up to 1, or number of training molecules")] = None,
    validation: Annotated[
        float | None, typer.Option(help="share up to 1, or number; of what is not tested where a part is left out")
    ] = None,
    sizes: Annotated[str | None, typer.Option(help="sizes that are the test part, e.g. 20-29 or 3-9,12")] = None,
    element: Annotated[str | None, typer.Option(help="element whose molecules are the test part")] = None,
    folds: Annotated[int | None, typer.Option(help="number of folds; each becomes a split of its own")] = None,
    fold: Annotated[int | None, typer.Option(help="only this fold, from 1")] = None,
    together: Annotated[
        str | None, typer.Option(help="identity (default): equal geometries stay in one part; none: they need not")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="only these molecules, e.g. sound=1; may be repeated")
    ] = None,
    show: Annotated[bool, typer.Option("--preview", help="only tell what the split would be")] = False,
    json: Json = False,
) -> None:
    """Make a named split; the thesis's is --method thesis."""
    opened = open_dataset(dataset)
    if name is None and not show:
        raise MollensError("split: has no name; give one with --name, or look at it with --preview")
    given: dict[str, Any] = {
        "train": train, "validation": validation, "sizes": sizes, "element": element, "k": folds, "fold": fold,
        "together": together, "where": where,
    }  # fmt: skip
    if together != "none":
        with progress_bar("comparing geometries") as update:
            open_identities(opened, update)
    if show:
        made = [preview(opened, method, seed, given)]
    elif method == "k_fold" and fold is None:
        del given["k"], given["fold"]
        assert name is not None
        made = list(make_folds(opened, name, 5 if folds is None else folds, seed, **given))
    else:
        assert name is not None
        made = [make_split(opened, name, method, seed, **given)]
    if json:
        print_json({"dataset": dataset, "splits": [drift_report(opened, one) for one in made]})
        return
    for one in made:
        print(
            f"{dataset}, split {one.name}: {len(one.train):,} training, {len(one.validation):,} validation, "
            f"{len(one.test):,} test molecules; hash {one.hash[:12]}"
        )
        for sentence in _remarks(opened, one):
            print(f"  {sentence}")


def _remarks(dataset: Dataset, one: Split) -> list[str]:
    """What a split does that one should know, in plain sentences."""
    drift, leakage = find_drift(dataset, one), find_leakage(dataset, one)
    said = []
    if drift.n_none:
        said.append(f"{drift.n_none:,} molecules are in no part")
    for what, distances in (("sizes", drift.size_distances), ("elements", drift.element_distances)):
        said += [f"{what} of {d.part}: {_words(d)}" for d in distances if d.drifted]
    if drift.untrained_sizes():
        said.append(f"tested but not trained sizes: {', '.join(map(str, drift.untrained_sizes()))}")
    if drift.untrained_elements():
        said.append(f"tested but not trained elements: {', '.join(drift.untrained_elements())}")
    if leakage is not None and leakage.n:
        said.append(
            f"{leakage.validation:,} validation and {leakage.test:,} test molecules have the geometry of a training one"
        )
    return said


def _words(found: Distance) -> str:
    return f"{100 * found.value:.1f} % off training (by lot at most {100 * found.by_chance:.1f} %)"


def show_splits(dataset: DatasetName, json: Json = False) -> None:
    """List the splits of a dataset with their parts; --json tells sizes, elements, drift and leakage too."""
    opened = open_dataset(dataset)
    rows: list[dict[str, Any]] = []
    for name in list_splits(opened):
        try:
            rows.append({**drift_report(opened, open_split(opened, name)), "error": None})
        except MollensError as error:
            rows.append({"name": name, "error": str(error)})
    if json:
        print_json({"dataset": dataset, "splits": rows})
        return
    print_table(
        ("name", "made", "seed", *PARTS, "in no part", "hash"),
        [
            (
                row["name"],
                in_words(row["method"], row["parameters"]),
                row["seed"],
                *(f"{row[part]:,}" for part in PARTS),
                f"{row['in_no_part']:,}",
                row["hash"][:12],
            )
            if row["error"] is None
            else (row["name"], f"damaged: {row['error']}", *[None] * 6)
            for row in rows
        ],
    )


def show_defects(
    dataset: DatasetName,
    again: Annotated[bool, typer.Option("--again", help="search even if it was done before")] = False,
    json: Json = False,
) -> None:
    """Tell which molecules of a dataset have known defects; searched for once and kept."""
    opened = open_dataset(dataset)
    found = None if again else read_defects(opened)
    if found is None:
        with progress_bar(f"searching {dataset}") as update:
            found = find_defects(opened, update)
    if json:
        n = {"n_molecules": opened.molecules.n_molecules, "n_with_defects": int(found.any.sum())}
        print_json({"dataset": dataset, **n, **found.counts})
        return
    print_table(
        ("defect", "molecules", "examples", "which"),
        [(kind, f"{found.counts[kind]['n']:,}", _examples(found.counts[kind]), text) for kind, text in KINDS.items()],
    )
    print(f"\n{int(found.any.sum()):,} of {opened.molecules.n_molecules:,} molecules have one")
    duplicates = found.counts["duplicate"]
    if duplicates.get("conflicting"):
        print(f"{duplicates['conflicting']:,} duplicates have another {duplicates['target']} than the molecule before")


def _examples(counts: dict[str, Any]) -> str:
    ids = [each[1] if isinstance(each, list) else each for each in counts["examples"][:4]]
    return ", ".join(map(str, ids)) + (" ..." if counts["n"] > len(ids) else "")
