"""The datasets that ship inside Mollens, in one compact file each."""

from __future__ import annotations

import hashlib
import io
import lzma
from pathlib import Path

import numpy as np

from core.data.card import Card
from core.data.molecules import Molecules, check_molecules
from core.errors import MollensError

EMBEDDED: dict[str, Path] = {"demo": Path(__file__).parent}
"""name -> folder with <name>.npz.xz and <name>.card.json"""

_PER_UNIT = 1e4  # stored integers per Angstrom and per elementary charge


def read_embedded(name: str, card: Card) -> Molecules:
    """Unpack an embedded dataset.

    The file is an xz-compressed npz: coordinates as integers of 1e-4 Angstrom, charges as integers of 1e-4 e, molecule
    columns as float64 in the units of the card, SMILES joined by newlines.

    Raises:
        MollensError: if the file is missing, damaged or not the one that the card describes.
    """
    path = EMBEDDED[name] / f"{name}.npz.xz"
    what = f"dataset {name}"
    try:
        packed = path.read_bytes()
    except FileNotFoundError as error:
        raise MollensError(f"{what}: {path} is missing; restore it from the project's repository") from error
    if hashlib.sha256(packed).hexdigest() != card.sha256:
        raise MollensError(f"{what}: {path} is not the file that its card describes; restore both from the repository")
    with np.load(io.BytesIO(lzma.decompress(packed)), allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    keys = {listed.key for listed in card.properties}
    smiles = arrays["smiles"].tobytes().decode().split("\n")
    molecules = Molecules(
        numbers=arrays["numbers"].astype(np.uint8),
        positions=arrays["positions"] / _PER_UNIT,
        first_atom=np.concatenate([[0], np.cumsum(arrays["n_atoms"], dtype=np.int64)]),
        ids=arrays["ids"].astype(np.int64),
        columns={k: v.astype(np.float64) for k, v in arrays.items() if k in keys and k != "partial_charges"},
        atom_columns={"partial_charges": arrays["partial_charges"] / _PER_UNIT},
        smiles=np.array([text.encode() for text in smiles]),
    )
    check_molecules(molecules, what)
    return molecules
