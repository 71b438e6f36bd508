"""Extended xyz: every molecule with its atoms, all properties, id and SMILES; also compressed (.gz, .xz).

Numbers have as many digits as give back the same float64. A value that is missing is left out of its molecule; one that
is missing for an atom is written nan. The first molecule alone carries `units` and `about` (JSON, as ASE writes and
reads it): unit of every property, licence and citation.
"""

from __future__ import annotations

import gzip
import lzma
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import numpy as np
import polars as pl

from core.data.exporters.chosen import Chosen, Progress, as_json
from core.data.molecules import SYMBOLS, Molecules
from core.errors import MollensError

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SYMBOL = np.array([SYMBOLS.get(number, "X") for number in range(256)])


def write(chosen: Chosen, path: Path, progress: Progress) -> None:
    """Write the file, compressed as its ending says.

    Raises:
        MollensError: for a property whose key the format cannot hold.
    """
    for key in (*chosen.keys, *chosen.atom_keys):
        if not _KEY.fullmatch(key):
            raise MollensError(f"property {key!r}: the format holds keys of letters, digits and '_' only; leave it out")
    n = len(chosen.rows)
    with _opened(path) as file:
        for start, molecules in chosen.chunks():
            file.write(_text(chosen, molecules, with_about=start == 0).encode())
            progress(start + molecules.n_molecules, n)


def left_out(chosen: Chosen) -> tuple[str, ...]:
    """Nothing."""
    return ()


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with open(path, "wb") as file:
        if path.name.endswith(".gz"):
            with gzip.GzipFile("", "wb", compresslevel=4, fileobj=file, mtime=0) as packed:
                yield cast(IO[bytes], packed)
        elif path.name.endswith(".xz"):
            with lzma.LZMAFile(file, "wb", preset=1) as packed_xz:
                yield packed_xz
        else:
            yield file


def _text(chosen: Chosen, molecules: Molecules, with_about: bool) -> str:
    """Some molecules as the text of the file."""
    atoms = _atom_lines(chosen, molecules)
    comments = _comments(chosen, molecules)
    if with_about:
        for key, content in (("units", {"positions": "Angstrom", **chosen.units()}), ("about", chosen.about())):
            comments[0] += f" {key}={_quoted('_JSON ' + as_json(content))}"
    pieces = []
    for row, (start, size) in enumerate(zip(molecules.first_atom.tolist(), molecules.sizes.tolist(), strict=False)):
        pieces += [str(size), comments[row], *atoms[start : start + size]]
    return "\n".join(pieces) + "\n"


def _atom_lines(chosen: Chosen, molecules: Molecules) -> list[str]:
    """A line for every atom; formatted by polars, several times as fast as by Python."""
    columns = {"symbol": _SYMBOL[molecules.numbers]}
    for name, values in [
        ("pos", molecules.positions),
        *((key, molecules.atom_columns[key]) for key in chosen.atom_keys),
    ]:
        for k, column in enumerate(values.reshape(molecules.n_atoms, -1).T):
            columns[f"{name} {k}"] = np.ascontiguousarray(column)
    text = pl.DataFrame(columns).write_csv(include_header=False, separator=" ", quote_style="never")
    return text.replace("NaN", "nan").split("\n")


def _comments(chosen: Chosen, molecules: Molecules) -> list[str]:
    """The second line of every molecule: which columns its atoms have, id, SMILES and properties."""
    widths = {key: int(np.prod(molecules.atom_columns[key].shape[1:])) for key in chosen.atom_keys}
    layout = "Properties=species:S:1:pos:R:3" + "".join(f":{key}:R:{width}" for key, width in widths.items())
    assert molecules.smiles is not None
    comments = [f"{layout} id={id_}" for id_ in molecules.ids.tolist()]
    for row, smiles in enumerate(molecules.smiles.tolist()):
        if smiles:
            comments[row] += f" smiles={_quoted(smiles.decode(errors='replace'))}"
    for key in chosen.keys:
        for row, value in enumerate(_written(molecules.columns[key])):
            if value:
                comments[row] += f" {key}={value}"
    return [f'{comment} pbc="F F F"' for comment in comments]


def _written(values: np.ndarray) -> list[str]:
    """Values of one property as text; empty where missing.

    A vector is a list of numbers, a 3 x 3 matrix one in Fortran's order, as ASE does both; more dimensions are JSON.
    """
    if values.ndim == 1:
        return ["" if value != value else repr(value) for value in values.tolist()]
    written = []
    for value in values:
        if np.isnan(value).any():
            written.append("")
        elif value.ndim == 1 or value.shape == (3, 3):
            written.append('"' + " ".join(map(repr, value.ravel(order="F").tolist())) + '"')
        else:
            written.append(_quoted(f"_JSON {value.tolist()}"))
    return written


def _quoted(text: str) -> str:
    """Text in quotation marks, with a backslash before those and before backslashes, which SMILES have."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{" ".join(plain.split())}"'
