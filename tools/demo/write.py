"""Writes the labelled molecules as one compressed file with a card, and checks what was written."""

import hashlib
import io
import json
import lzma
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from demo.relax import MAX_FORCE, MIN_DISTANCE, POSITION_UNIT
from demo.work import Record, write_atomically

SYMBOLS = {1: "H", 6: "C", 7: "N", 8: "O", 9: "F"}
SCALARS = ("energy", "atomization_energy", "homo", "lumo", "gap", "dipole_moment")
PROPERTIES = [
    {"key": "energy", "label": "Total energy", "unit": "eV"},
    {"key": "atomization_energy", "label": "Atomisation energy", "unit": "eV"},
    {"key": "homo", "label": "HOMO energy", "unit": "eV"},
    {"key": "lumo", "label": "LUMO energy", "unit": "eV"},
    {"key": "gap", "label": "HOMO-LUMO gap", "unit": "eV"},
    {"key": "dipole_moment", "label": "Dipole moment", "unit": "D"},
    {"key": "partial_charges", "label": "Mulliken charge", "unit": "e"},
]


def pack_arrays(records: list[Record], atomic_energies: dict[str, float]) -> dict[str, np.ndarray]:
    """Flat arrays of all kept records, ordered by (number of atoms, SMILES).

    Per molecule: ids int32, n_atoms uint8, the scalars float64. Per atom: numbers uint8, positions int32
    (n_atoms, 3) in 1e-4 Å, partial_charges int16 in 1e-4 e. smiles: utf-8 bytes joined by newlines.
    """
    records = sorted(records, key=lambda record: (len(record["numbers"]), record["smiles"]))
    numbers = [np.array(record["numbers"], dtype=np.uint8) for record in records]
    energy = np.array([record["energy"] for record in records])
    free_atoms = np.array([sum(atomic_energies[SYMBOLS[z]] for z in molecule) for molecule in numbers])
    homo, lumo = (np.array([record[key] for record in records]) for key in ("homo", "lumo"))
    return {
        "ids": np.arange(1, len(records) + 1, dtype=np.int32),
        "n_atoms": np.array([len(molecule) for molecule in numbers], dtype=np.uint8),
        "numbers": np.concatenate(numbers),
        "positions": np.concatenate([np.array(record["positions"], dtype=np.int32) for record in records]),
        "energy": energy,
        "atomization_energy": np.round(energy - free_atoms, 6),
        "homo": homo,
        "lumo": lumo,
        "gap": lumo - homo,
        "dipole_moment": np.array([record["dipole_moment"] for record in records]),
        "partial_charges": np.concatenate([np.array(record["partial_charges"], dtype=np.int16) for record in records]),
        "smiles": np.frombuffer("\n".join(str(r["smiles"]) for r in records).encode(), dtype=np.uint8),
    }


def write_dataset(
    out: Path, arrays: dict[str, np.ndarray], atomic_energies: dict[str, float], source: dict[str, Any]
) -> None:
    """Write demo.npz.xz and demo.card.json into `out`; `source` says how they were made."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    data = lzma.compress(buffer.getvalue(), preset=9 | lzma.PRESET_EXTREME)
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / "demo.npz.xz", data)
    card = {
        "format": 1,
        "name": "demo",
        "title": "Demo: small organic molecules at GFN2-xTB",
        "description": (
            "Molecules of C, H, N, O and F with up to nine heavy atoms, grown and labelled by this project: "
            "electronic GFN2-xTB energies at GFN2-xTB geometries, without zero-point energy. Sizes and "
            "elements follow the imbalance of QM9. It is not QM9, and neither its energies nor errors on "
            "them are comparable with QM9's."
        ),
        "citation": (
            "Mollens demo dataset (this project). Method: C. Bannwarth, S. Ehlert, S. Grimme, "
            "J. Chem. Theory Comput. 15, 1652 (2019). Conformers: S. Riniker, G. A. Landrum, "
            "J. Chem. Inf. Model. 55, 2562 (2015)."
        ),
        "license": "CC0-1.0",
        "level_of_theory": "GFN2-xTB",
        "default_target": "energy",
        "properties": PROPERTIES,
        "atomic_energies": {"energy": atomic_energies},
        "known_defects": {},
        "source": source | {"max_force_eV_per_A": MAX_FORCE},
        "n_molecules": len(arrays["ids"]),
        "n_atoms": len(arrays["numbers"]),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    write_atomically(out / "demo.card.json", text.encode())


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a demo.npz.xz."""
    with np.load(io.BytesIO(lzma.decompress(path.read_bytes())), allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}


def check_arrays(arrays: dict[str, np.ndarray]) -> None:
    """Raise `ValueError` naming the first thing that is wrong with the arrays of a written file."""
    smiles = arrays["smiles"].tobytes().decode().split("\n")
    n_atoms = arrays["n_atoms"].astype(int)
    if len(set(smiles)) != len(arrays["ids"]) or len(smiles) != len(arrays["ids"]):
        raise ValueError(f"{len(smiles)} SMILES, {len(set(smiles))} different, for {len(n_atoms)} molecules")
    for key in ("numbers", "positions", "partial_charges"):
        if len(arrays[key]) != n_atoms.sum():
            raise ValueError(f"{key}: {len(arrays[key])} atoms, but n_atoms sums to {n_atoms.sum()}")
    for key in SCALARS:
        if arrays[key].shape != n_atoms.shape or not np.isfinite(arrays[key]).all():
            raise ValueError(f"{key}: shape {arrays[key].shape} or a value that is not finite")
    if (arrays["atomization_energy"] >= 0).any() or (arrays["gap"] <= 0).any():
        raise ValueError("a molecule is unbound or has no gap")
    for index, block in enumerate(np.split(arrays["positions"] * POSITION_UNIT, np.cumsum(n_atoms)[:-1])):
        distances = np.linalg.norm(block[:, None] - block[None, :], axis=-1)
        nearest = distances[np.triu_indices(len(block), 1)].min()
        if nearest <= MIN_DISTANCE:
            raise ValueError(f"{smiles[index]}: two atoms {nearest:.3f} Å apart; more than {MIN_DISTANCE} expected")


def describe(arrays: dict[str, np.ndarray]) -> str:
    """Counts by size and by element, and the sizes at which fluorine occurs, as printable lines."""
    n_atoms = arrays["n_atoms"].astype(int)
    molecules = np.split(arrays["numbers"], np.cumsum(n_atoms)[:-1])
    with_fluorine = [len(molecule) for molecule in molecules if 9 in molecule]
    elements = {s: sum(z in molecule for molecule in molecules) for z, s in SYMBOLS.items()}

    def line(title: str, counts: dict[Any, int]) -> str:
        return f"{title}: " + " ".join(f"{key}:{counts[key]}" for key in sorted(counts))

    return "\n".join(
        [
            f"{len(n_atoms)} molecules, {n_atoms.sum()} atoms",
            line("molecules by atom count", Counter(n_atoms.tolist())),
            line("molecules by element", elements),
            line("molecules with F by atom count", Counter(with_fluorine)),
        ]
    )
