"""Arguments and options that several commands share."""

from typing import Annotated

import typer

RunName = Annotated[str, typer.Argument(metavar="RUN", help="id or unambiguous name of a run")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")]
Per = Annotated[str, typer.Option(help="molecule, or atom: errors divided by the number of atoms")]
Where = Annotated[
    list[str] | None,
    typer.Option(help="KEY=VALUE, only such molecules, e.g. size=17-19 element=F range=gap:5:8; may be repeated"),
]
