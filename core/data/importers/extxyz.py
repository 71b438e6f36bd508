"""Extended and plain xyz: any columns per molecule in the comment line, any per atom in the atom lines.

Periodic frames are refused, for Mollens reads molecules. As in ASE a Lattice without pbc means periodic; a Lattice with
pbc="F F F" is only the box that the molecule was drawn in, and is passed over.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.data.card import Card
from core.data.importers.archives import first_member, kind_of
from core.data.importers.columns import ColumnMap, Inspection, MappingNeeded
from core.data.importers.extxyz_columns import Collected
from core.data.importers.extxyz_tables import atom_table
from core.data.importers.extxyz_words import Layout, is_true, layout_of, pairs, plain_layout
from core.data.importers.frames import Block, Progress, read_frames
from core.data.importers.raw import Raw, inspection, to_molecules
from core.data.importers.tar_stream import DAMAGED, open_compressed
from core.data.molecules import Molecules
from core.errors import MollensError

TITLE = "xyz or extended xyz (.xyz, .extxyz; also .gz, .xz, .bz2, an archive or folder of them)"
_SAMPLE = 2000
_HEAD = 1 << 18


def accepts(path: Path) -> bool:
    """Whether the text begins as xyz does: a count, a comment line, and an element with three numbers."""
    try:
        if kind_of(path) is not None:
            found = first_member(path)
            head = found[1][:_HEAD] if found is not None else b""
        else:
            with open(path, "rb") as file:
                head = open_compressed(file).read(_HEAD)
    except (*DAMAGED, MollensError):
        return False
    lines = head.lstrip().split(b"\n", 3)
    if len(lines) < 2 or not lines[0].strip().isdigit() or lines[1].lstrip().startswith(b"gdb"):
        return False
    return b"Properties=" in lines[1] or (len(lines) > 2 and len(lines[2].split()) >= 4)


def inspect(path: Path) -> Inspection:
    """Columns and guesses from the first frames; the count where these are all."""
    raw = sample(path, _SAMPLE)
    return inspection(raw, "extxyz", TITLE, len(raw.ids) if len(raw.ids) < _SAMPLE else None)


def sample(path: Path, n: int) -> Raw:
    """The first `n` frames with all their columns."""
    return _read(path, None, n, lambda done, total: None)


def read(path: Path, columns: ColumnMap | None, progress: Progress) -> tuple[Molecules, Card]:
    """All frames with the columns that were chosen.

    Raises:
        MappingNeeded: without `columns`.
        MollensError: naming the line, for what is no xyz, a periodic frame, an unknown element, or letters in numbers.
    """
    if columns is None:
        raise MappingNeeded(str(path), inspect(path))
    raw = _read(path, {mapped.source for mapped in columns.columns}, None, progress)
    return to_molecules(raw, columns, path, "extxyz")


def _read(path: Path, wanted: set[str] | None, most: int | None, progress: Progress) -> Raw:
    collected = Collected(str(path), wanted)
    for block in read_frames(path, progress):
        n = len(block.starts) if most is None else min(len(block.starts), most - collected.n_molecules)
        _add(block, n, collected, path)
        if most is not None and collected.n_molecules >= most:
            break
    return collected.raw()


def _add(block: Block, n: int, collected: Collected, path: Path) -> None:
    """Read the first `n` frames of a block; neighbours of one layout together."""
    described: list[bytes | int] = []
    for k in range(n):
        comment = block.lines[block.starts[k] + 1]
        described.append(_comment(comment, block, k, collected, path))
    begin = 0
    for k in range(1, n + 1):
        if k == n or described[k] != described[begin]:
            _add_atoms(block, range(begin, k), _layout(described[begin], block, begin, path), collected, path)
            begin = k


def _comment(comment: bytes, block: Block, k: int, collected: Collected, path: Path) -> bytes | int:
    """Note the columns of one comment line; give back what it says of its atom lines, or their number of words."""
    properties, lattice, periodic = b"", False, None
    found = pairs(comment)
    row = collected.new_row(block.line_number(k) + 1)
    if b"=" not in comment:
        collected.note_plain(row, comment)
    else:
        for key, raw in found:
            if key == b"Properties":
                properties = raw
            elif key == b"pbc":
                periodic = is_true(raw)
            elif key in (b"Lattice", b"lattice"):
                lattice = True
            else:
                collected.note(row, key, raw)
    if periodic or (lattice and periodic is None):
        why = "a Lattice without pbc, which means periodic" if periodic is None else "pbc that is true"
        raise MollensError(
            f'{path}, line {block.line_number(k) + 1}: has {why}; Mollens reads molecules, so give pbc="F F F" '
            "if this is one in a box"
        )
    return properties or len(block.lines[block.starts[k] + 2].split())


def _layout(described: bytes | int, block: Block, k: int, path: Path) -> Layout:
    if isinstance(described, int):
        return plain_layout(described)
    try:
        return layout_of(described)
    except ValueError as error:
        raise MollensError(f"{path}, line {block.line_number(k) + 1}: {error}") from error


def _add_atoms(block: Block, frames: range, layout: Layout, collected: Collected, path: Path) -> None:
    lines: list[bytes] = []
    numbers: list[int] = []
    for k in frames:
        start = block.starts[k] + 2
        lines += block.lines[start : start + block.counts[k]]
        numbers.append(block.first_line + start)
    counts = np.array([block.counts[k] for k in frames], dtype=np.int64)
    wanted = [field for field in layout.extra if field[0] and field[1] != "S"]
    first = np.cumsum(counts) - counts
    where = [(int(a), number) for a, number in zip(first, numbers, strict=True)]
    table = atom_table(lines, layout, str(path), where)
    collected.add_atoms(counts, table, layout, wanted)
