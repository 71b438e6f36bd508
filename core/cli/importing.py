"""Commands that bring data in: inspect, import."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, TextIO, get_args

import typer

from core.cli.options import Json
from core.cli.output import print_json, print_table, progress_bar
from core.cli.tasks import announce_index
from core.data.importers import (
    About,
    ColumnMap,
    Inspection,
    Mapped,
    MappingNeeded,
    check_mapping,
    import_file,
    inspect,
)
from core.data.importers.columns import Kind, Length
from core.data.properties import PROPERTIES
from core.errors import MollensError

Source = Annotated[Path, typer.Argument(help="file or folder to import")]
Format = Annotated[str | None, typer.Option(help="format of the file; detected where not given")]
Maps = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="COLUMN=KEY:UNIT",
        help="take a column as a property, its unit in the file behind the colon; a key of your own may go on with "
        ":extensive, :intensive or :other and a :label; repeat for each column",
    ),
]
Lengths = Annotated[str | None, typer.Option(help="unit of the coordinates in the file: Angstrom, Bohr or nm")]

_MAP = re.compile(r"(.+?)=([A-Za-z]\w*)(?::(.*))?", re.DOTALL)


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command("inspect")(show_inspection)
    app.command("import")(import_source)


def show_inspection(
    source: Source, format: Format = None, map: Maps = None, lengths: Lengths = None, json: Json = False
) -> None:
    """Look into a file before importing it: format, columns, and guesses at what they are.

    With --map, the numbers are checked as they would be taken; without, as they are guessed.
    """
    found = inspect(source, format)
    chosen = _chosen(found, map or [], not map, lengths)
    warnings = check_mapping(source, chosen, found.format) if found.needs_mapping else ()
    if json:
        print_json(found.model_dump() | {"mapping": chosen.model_dump(), "warnings": list(warnings)})
        return
    _show(found)
    for sentence in warnings:
        print(f"warning: {sentence}")


def import_source(
    source: Source,
    name: Annotated[str, typer.Option(help="name of the new dataset")],
    format: Format = None,
    exclude: Annotated[Path | None, typer.Option(help="list of ids to leave out, e.g. uncharacterized.txt")] = None,
    flag: Annotated[Path | None, typer.Option(help="list of ids to keep but mark as uncharacterized")] = None,
    map: Maps = None,
    guess: Annotated[bool, typer.Option("--guess", help="take the guesses that `inspect` shows")] = False,
    lengths: Lengths = None,
    title: Annotated[str | None, typer.Option(help="title on the card")] = None,
    description: Annotated[str | None, typer.Option(help="what the data are")] = None,
    level_of_theory: Annotated[str | None, typer.Option(help="method of the labels, e.g. PBE/def2-SVP")] = None,
    citation: Annotated[str | None, typer.Option(help="what to cite")] = None,
    license: Annotated[str | None, typer.Option(help="licence of the data, e.g. CC0-1.0")] = None,
    target: Annotated[str | None, typer.Option(help="key of the default training target")] = None,
    index: Annotated[bool, typer.Option(help="prepare searching and look for defects afterwards")] = True,
) -> None:
    """Make a dataset of a file or folder."""
    about = About(
        title=title,
        description=description,
        level_of_theory=level_of_theory,
        citation=citation,
        license=license,
        default_target=target,
    )
    columns = None
    if map or guess or lengths:
        found = inspect(source, format)
        columns = _chosen(found, map or [], guess, lengths) if found.needs_mapping or map else None
        if found.needs_mapping and not map and not guess:
            _show(found, file=sys.stderr)
            raise MappingNeeded(str(source), found)
        if found.needs_mapping and lengths is None and found.lengths not in (None, "Angstrom") and not guess:
            raise MollensError(f"{source}: its coordinates look like {found.lengths}; say so with --lengths")
    try:
        with progress_bar(f"reading {source.name}") as update:
            dataset = import_file(source, name, format, exclude, update, columns=columns, flag=flag, about=about)
    except MappingNeeded as needed:
        _show(needed.inspection, file=sys.stderr)
        raise MollensError(f"{needed}: --map COLUMN=KEY:UNIT, or --guess") from needed
    defects = dataset.card.known_defects
    left_out, marked = defects.get("left_out", {}), defects.get("uncharacterized", {})
    note = f"; {left_out['dropped']:,} left out by {left_out['list']}" if left_out else ""
    note += f"; {marked['present']:,} marked by {marked['list']}" if flag is not None else ""
    print(f"{name}: {dataset.card.n_molecules:,} molecules, {dataset.card.n_atoms:,} atoms{note}")
    for sentence in defects.get("warnings", []):
        print(f"warning: {sentence}", file=sys.stderr)
    if index:
        announce_index(name)


def _chosen(found: Inspection, maps: list[str], guess: bool, lengths: str | None) -> ColumnMap:
    """The mapping that was asked for: what --map says, then the guesses for other columns and keys if wanted."""
    given = [_mapped(text) for text in maps]
    sources, keys = {m.source for m in given}, {m.key for m in given}
    guesses = found.guessed().columns if guess else ()
    others = [m for m in guesses if m.source not in sources and m.key not in keys]
    if lengths is not None and lengths not in get_args(Length):
        raise MollensError(f"--lengths {lengths!r}: is not known; give one of {', '.join(get_args(Length))}")
    taken = lengths or (found.lengths if guess else None) or "Angstrom"
    return ColumnMap.model_validate({"columns": (*given, *others), "lengths": taken})


def _mapped(text: str) -> Mapped:
    """What COLUMN=KEY:UNIT:kind:label says.

    Raises:
        MollensError: if it is written otherwise.
    """
    match = _MAP.fullmatch(text)
    if match is None:
        raise MollensError(f"--map {text!r}: expected COLUMN=KEY:UNIT, such as U0=energy_U0:Ha")
    unit, kind, label = (*(match[3] or "").split(":", 2), "", "", "")[:3]
    if kind and kind not in get_args(Kind):
        raise MollensError(f"--map {text!r}: kind is {kind!r}; expected {', '.join(get_args(Kind))}")
    if (kind or label) and match[2] in PROPERTIES:
        raise MollensError(f"--map {text!r}: {match[2]} is known to Mollens; leave out what follows its unit")
    content = {"source": match[1], "key": match[2], "unit": unit.strip(), "label": label, "kind": kind or "other"}
    return Mapped.model_validate(content)


def _show(found: Inspection, file: TextIO | None = None) -> None:
    """An inspection as a table for people."""
    count = f"{found.n_molecules:,} molecules" if found.n_molecules is not None else "number of molecules not counted"
    lengths = f", coordinates probably in {found.lengths}" if found.lengths else ""
    print(f"{found.format}: {found.title}; {count}{lengths}", file=file)
    rows = [
        (
            c.name + (" (per atom)" if c.per_atom else ""),
            " x ".join(map(str, c.shape)),
            c.example if len(c.example) < 44 else c.example[:40] + "...",
            f"{c.name}={c.guess.key}:{c.guess.unit}" if c.guess else "",
            c.reason,
        )
        for c in found.columns
    ]
    if rows:
        print(file=file)
        print_table(("column", "shape", "values", "guess", "reason"), rows, file=file)
    for note in found.notes:
        print(note, file=file)
