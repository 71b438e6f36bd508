"""What stands below the molecules: what would help, the error map, what tells the error, and suspicious labels."""

from __future__ import annotations

from pages.judge.outlier_parts.gallery_asked import Asked
from pages.judge.outlier_parts.help import show_help
from pages.judge.outlier_parts.map import show_map
from pages.judge.outlier_parts.suspicion import show_suspicion
from pages.judge.outlier_parts.uncertainty import show_uncertainty


def show_around(asked: Asked, molecule: int | None) -> None:
    """The four cards; `molecule` is the id of the one that is looked at."""
    show_help(asked, molecule)
    show_map(asked, molecule)
    show_uncertainty(asked, molecule)
    show_suspicion(asked, molecule)
