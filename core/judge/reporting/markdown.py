"""Tables and lines of Markdown from texts that others wrote."""

from __future__ import annotations

from collections.abc import Sequence


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows under their heads; a cell cannot break out of its table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(one_line(cell) for cell in line) + " |" for line in lines)


def one_line(text: object) -> str:
    """The text in one line, in which no table ends and no tag opens."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")
