"""Molecules of one's own for a prediction: read from an xyz file or a pasted text, with limits, and kept for a day."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.importers import extxyz
from core.data.importers.archives import kind_of
from core.data.importers.raw import Raw, bare_molecules
from core.data.importers.tar_stream import compression_of
from core.data.molecules import Molecules, check_molecules
from core.data.plausibility import likely_length
from core.data.units import factor
from core.data.uploads import KEPT_FOR, save_upload
from core.errors import MollensError
from core.files import home, new_folder, read_json, write_array, write_json

MOST_MOLECULES = 1000
MOST_ATOMS = 100_000
"""of all molecules together"""
LARGEST = 500
"""atoms of one molecule"""
LARGEST_FILE = 20 << 20
"""bytes"""
LENGTHS = ("Angstrom", "Bohr", "nm")
_ARRAYS = ("numbers", "positions", "first_atom", "ids")
_TOKEN = re.compile(r"[0-9a-f]{32}")
_CHARGE = ("charge", "total_charge", "net_charge", "q")
_SPIN = {"multiplicity": 1.0, "spin_multiplicity": 1.0, "mult": 1.0, "spin": 0.0, "magmom": 0.0, "uhf": 0.0}
_LABELS = ("energy", "energy_u0", "u0", "total_energy", "e", "free_energy", "value", "label", "target")


@dataclass(frozen=True, eq=False)
class OwnMolecules:
    """What a file holds."""

    molecules: Molecules
    """without any property"""
    remarks: list[list[str]]
    """(n,) what the file says of each molecule that a model of neutral molecules does not know, a sentence each"""
    labels: list[dict[str, Any] | None]
    """(n,) {column, value} of the first column that looks like a label, as the file has it"""
    notes: tuple[str, ...]
    """sentences about the file"""


def save_text(text: str) -> Path:
    """Keep a pasted text as an upload.

    Raises:
        MollensError: for an empty or overlong one.
    """
    content = text.strip().encode()
    if not content:
        raise MollensError("pasted text: is empty; paste a molecule as xyz: a count, a comment, a line for each atom")
    return save_upload(io.BytesIO(content + b"\n"), "pasted.xyz", len(content) + 1, LARGEST_FILE)


def read_own(path: Path, lengths: str = "Angstrom") -> OwnMolecules:
    """Read plain or extended xyz of one or several molecules.

    Args:
        lengths: unit of the coordinates, of `LENGTHS`.

    Raises:
        MollensError: for what is not plain text in xyz, is too large or too much, is periodic, or holds an unknown
            element or a coordinate that is no number.
    """
    _check_file(path, lengths)
    raw = extxyz.sample(path, MOST_MOLECULES + 1)
    n, n_atoms = len(raw.ids), len(raw.numbers)
    if n > MOST_MOLECULES or n_atoms > MOST_ATOMS:
        found = f"more than {MOST_MOLECULES:,} molecules" if n > MOST_MOLECULES else f"{n_atoms:,} atoms"
        raise MollensError(
            f"{path.name}: has {found}; at most {MOST_MOLECULES:,} molecules and {MOST_ATOMS:,} atoms are predicted at "
            "once; import it as a dataset and use `predict`"
        )
    in_file = bare_molecules(raw, 1.0)
    guess, why = likely_length(in_file)
    molecules = in_file if lengths == "Angstrom" else bare_molecules(raw, factor(lengths, "Angstrom"))
    check_molecules(molecules, path.name)
    notes = []
    if guess is not None and guess != lengths:
        notes.append(f"coordinates are taken in {lengths}, but {why}")
    if b"Lattice" in path.read_bytes():
        notes.append("the box (Lattice) is passed over: molecules are predicted as they are, not periodic")
    return OwnMolecules(molecules, _remarks(raw), _labels(raw), tuple(notes))


def _check_file(path: Path, lengths: str) -> None:
    if lengths not in LENGTHS:
        raise MollensError(f"lengths {lengths!r}: not known; use one of {', '.join(LENGTHS)}")
    try:
        if not path.is_file():
            raise MollensError(f"{path}: not found; give an xyz file")
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise MollensError(
                f"{path.name}: has {size / 1e6:,.0f} MB; at most {LARGEST_FILE / 1e6:,.0f} MB are predicted at once; "
                "import it as a dataset and use `predict`"
            )
        with open(path, "rb") as file:
            head = file.read(8)
        packed = kind_of(path) or compression_of(head)
    except OSError as error:
        raise MollensError(f"{path}: cannot be read ({error.strerror or error}); check its permissions") from error
    if packed:
        raise MollensError(f"{path.name}: is packed ({packed}); unpack it first")
    if not extxyz.accepts(path):
        raise MollensError(
            f"{path.name}: is no xyz file; expected a count of atoms, a comment line, then element x y z for each atom"
        )


def _single(raw: Raw) -> dict[str, tuple[str, NDArray[np.float64]]]:
    """Columns of one number per molecule, by their names in small letters."""
    return {name.lower(): (name, values) for name, values in raw.columns.items() if values.ndim == 1}


def _remarks(raw: Raw) -> list[list[str]]:
    told: list[list[str]] = [[] for _ in raw.ids]
    columns = _single(raw)
    for name in _CHARGE:
        for row, value in enumerate(columns.get(name, ("", np.zeros(0)))[1]):
            if np.isfinite(value) and value != 0:
                told[row].append(f"the file gives a charge of {value:+g}, which the model does not read")
    for name, usual in _SPIN.items():
        for row, value in enumerate(columns.get(name, ("", np.zeros(0)))[1]):
            if np.isfinite(value) and value != usual:
                told[row].append(f"the file gives {name} = {value:g}, which the model does not read")
    return told


def _labels(raw: Raw) -> list[dict[str, Any] | None]:
    columns = _single(raw)
    named = next((columns[name] for name in _LABELS if name in columns), None)
    if named is None:
        return [None] * len(raw.ids)
    name, values = named
    return [{"column": name[:60], "value": float(v)} if np.isfinite(v) else None for v in values]


def answers_folder() -> Path:
    """Where answers about molecules of one's own are kept for a day."""
    return home() / "own"


def answer_token(run: str, file: str, lengths: str, weights: str) -> str:
    """Name under which the answer of a run's network (its weights' checksum) about an upload is kept."""
    return hashlib.blake2b("\0".join((run, file, lengths, weights)).encode(), digest_size=16).hexdigest()


def write_answer(token: str, content: dict[str, Any], molecules: Molecules) -> None:
    """Keep an answer with its molecules; older ones of the same token are replaced, those of yesterday removed.

    Raises:
        MollensError: for a token of another form, or a full disk.
    """
    folder = _folder(token)
    _remove_old()
    shutil.rmtree(folder, ignore_errors=True)
    with new_folder(folder) as draft:
        for key in _ARRAYS:
            write_array(draft / f"{key}.npy", getattr(molecules, key))
        write_json(draft / "answer.json", content)


def read_answer(token: str) -> tuple[dict[str, Any], Molecules] | None:
    """An answer with its molecules; None where there is none of this token, or not any more.

    Raises:
        MollensError: if its files are damaged.
    """
    if not _TOKEN.fullmatch(token) or not (_folder(token) / "answer.json").exists():
        return None
    folder = _folder(token)
    content = read_json(folder / "answer.json", f"answer {token}")
    try:
        arrays = {key: np.load(folder / f"{key}.npy", allow_pickle=False) for key in _ARRAYS}
    except (OSError, ValueError, EOFError) as error:
        raise MollensError(f"answer {token}: {folder} is damaged ({error}); delete it and ask again") from error
    return content, Molecules(**arrays)


def _folder(token: str) -> Path:
    if not _TOKEN.fullmatch(token):
        raise MollensError(f"answer {token!r}: is no name of an answer; expected 32 of 0-9 and a-f")
    return answers_folder() / token


def _remove_old(now: float | None = None) -> None:
    now = time.time() if now is None else now
    root = answers_folder()
    for folder in list(root.iterdir()) if root.is_dir() else []:
        with suppress(OSError):
            if _TOKEN.fullmatch(folder.name) and now - folder.stat().st_mtime > KEPT_FOR:
                shutil.rmtree(folder, ignore_errors=True)
