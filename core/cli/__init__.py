"""The command line: everything that a page does, for a shell and a cluster."""

from __future__ import annotations

import sys

import typer

from core.cli import (
    calibrating,
    comparing,
    datasets,
    downloading,
    explaining,
    exporting,
    giving_back,
    importing,
    inspecting,
    judging,
    loading,
    loading_predictions,
    mapping,
    own,
    recipes,
    reporting,
    runs,
    slicing,
    splitting,
    tasks,
    training,
)
from core.errors import MollensError

app = typer.Typer(
    help="Mollens: a lens on molecular datasets and on the neural networks trained on them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for room in (
    datasets,
    importing,
    downloading,
    splitting,
    exporting,
    giving_back,
    loading,
    loading_predictions,
    recipes,
    training,
    runs,
    judging,
    inspecting,
    explaining,
    mapping,
    own,
    calibrating,
    comparing,
    slicing,
    reporting,
    tasks,
):
    room.add_commands(app)


def main() -> None:
    """Run the command line; a fault that a person can act on is one sentence on standard error and exit status 1."""
    try:
        app()
    except MollensError as error:
        print(f"mollens: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:  # a path that is too long, a home that is a file, a disk that went away
        print(f"mollens: {error.filename or 'input or output'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)
