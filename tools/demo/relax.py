"""Embeds a graph, relaxes it with GFN2-xTB and labels it at its rounded coordinates."""

import hashlib
from dataclasses import asdict, dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.data import covalent_radii
from ase.optimize import BFGS
from ase.units import Bohr, Debye, Hartree
from rdkit import Chem, RDLogger
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers
from tblite.ase import TBLite
from tblite.interface import Calculator

MAX_FORCE = 0.02
"""Largest force on an atom after relaxation, eV/Å."""
MAX_STEPS = 250
SPRING_CONSTANTS = (35.0, 6.0, 0.5)
"""eV/Å², for atoms one, two and three bonds apart in the guessed Hessian."""
HESSIAN_FLOOR = 3.0
"""eV/Å², keeps the guessed Hessian positive along torsions and free motions."""
POSITION_UNIT = 1e-4
"""Å"""
CHARGE_UNIT = 1e-4
"""e"""
BOND_TOLERANCE = 1.25
"""Atoms closer than this times the sum of their covalent radii count as bonded."""
MIN_DISTANCE = 0.6
"""Å; anything closer is a broken structure."""
FREE_ATOM_MULTIPLICITY = {"H": 2, "C": 3, "N": 4, "O": 3, "F": 2}

RDLogger.DisableLog("rdApp.*")


class Dropped(Exception):
    """A molecule that does not enter the dataset; the message is the reason that is counted."""


@dataclass(frozen=True)
class Labels:
    """GFN2-xTB labels of one structure."""

    energy: float  # eV, total electronic energy
    homo: float  # eV
    lumo: float  # eV
    dipole_moment: float  # Debye, norm
    partial_charges: list[int]  # (n_atoms,), 1e-4 e


def make_record(smiles: str, seed: int) -> dict[str, object]:
    """Structure and labels of one graph as plain JSON types, or `{"smiles", "dropped": reason}`.

    Keys when kept: smiles, numbers (n_atoms,), positions (n_atoms, 3) in 1e-4 Å, and the fields of `Labels`.
    """
    try:
        numbers, positions, adjacency = embed(smiles, seed)
        positions = relax(numbers, positions, adjacency)
        if not same_bonds(numbers, positions, adjacency):
            raise Dropped("bonds changed")
        rounded = round_positions(positions)
        labels = compute_labels(numbers, rounded * POSITION_UNIT)
    except Dropped as dropped:
        return {"smiles": smiles, "dropped": str(dropped)}
    return {"smiles": smiles, "numbers": numbers.tolist(), "positions": rounded.tolist(), **asdict(labels)}


def embed(smiles: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One ETKDG conformer, MMFF94-optimised, hydrogens included.

    Returns numbers (n_atoms,), positions (n_atoms, 3) in Å and the graph's adjacency (n_atoms, n_atoms).
    The random seed comes from the SMILES, so the order in which workers finish changes nothing.
    Raises `Dropped` when no conformer is found.
    """
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    parameters = rdDistGeom.ETKDGv3()
    parameters.randomSeed = int(hashlib.sha256(f"{seed} {smiles}".encode()).hexdigest()[:7], 16)
    parameters.maxIterations = 50
    if rdDistGeom.EmbedMolecule(mol, parameters) != 0:
        raise Dropped("no conformer found")
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        rdForceFieldHelpers.MMFFOptimizeMolecule(mol, maxIters=1000)
    else:
        rdForceFieldHelpers.UFFOptimizeMolecule(mol, maxIters=1000)
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
    return numbers, mol.GetConformer().GetPositions(), Chem.GetAdjacencyMatrix(mol).astype(bool)


def relax(numbers: np.ndarray, positions: np.ndarray, adjacency: np.ndarray) -> np.ndarray:
    """Positions (n_atoms, 3) in Å at a GFN2-xTB minimum; raises `Dropped` when it is not reached."""
    atoms = Atoms(numbers=numbers, positions=positions)
    atoms.calc = TBLite(method="GFN2-xTB", verbosity=0)
    optimizer = BFGS(atoms, logfile=None)
    # A guess that tells bonds from torsions halves the steps (16 against 33 with a multiple of the identity).
    optimizer.H0 = spring_hessian(positions, adjacency)
    try:
        converged = optimizer.run(fmax=MAX_FORCE, steps=MAX_STEPS)
    except CalculationFailed:
        raise Dropped("electronic structure not converged") from None
    if not converged:
        raise Dropped("relaxation not converged")
    return atoms.get_positions()


def spring_hessian(positions: np.ndarray, adjacency: np.ndarray) -> np.ndarray:
    """Guessed Hessian (3 n_atoms, 3 n_atoms) in eV/Å²: springs between atoms one, two, three bonds apart."""
    n_atoms = len(positions)
    stiffness = np.zeros((n_atoms, n_atoms))
    reached = np.eye(n_atoms, dtype=bool)
    for constant in SPRING_CONSTANTS:
        new = (reached.astype(int) @ adjacency.astype(int) > 0) & ~reached
        stiffness[new] = constant
        reached |= new
    difference = positions[:, None] - positions[None, :]  # (n_atoms, n_atoms, 3)
    direction = difference / (np.linalg.norm(difference, axis=-1) + np.eye(n_atoms))[..., None]
    blocks = -stiffness[..., None, None] * direction[..., :, None] * direction[..., None, :]
    blocks[np.arange(n_atoms), np.arange(n_atoms)] = -blocks.sum(axis=1)
    hessian = blocks.transpose(0, 2, 1, 3).reshape(3 * n_atoms, 3 * n_atoms)
    return hessian + HESSIAN_FLOOR * np.eye(3 * n_atoms)


def perceive_bonds(numbers: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Adjacency (n_atoms, n_atoms) from distances: bonded below 1.25 times the sum of covalent radii."""
    distances = np.linalg.norm(positions[:, None] - positions[None, :], axis=-1)
    radii = covalent_radii[numbers]
    bonded = distances < BOND_TOLERANCE * (radii[:, None] + radii[None, :])
    np.fill_diagonal(bonded, False)
    return bonded


def same_bonds(numbers: np.ndarray, positions: np.ndarray, adjacency: np.ndarray) -> bool:
    """Whether the bonds perceived at `positions` (n_atoms, 3), Å, are exactly those of `adjacency`."""
    return bool(np.array_equal(perceive_bonds(numbers, positions), adjacency))


def round_positions(positions: np.ndarray) -> np.ndarray:
    """Positions (n_atoms, 3) in Å centred at their mean, as integers of 1e-4 Å."""
    return np.rint((positions - positions.mean(axis=0)) / POSITION_UNIT).astype(np.int32)


def compute_labels(numbers: np.ndarray, positions: np.ndarray) -> Labels:
    """GFN2-xTB single point at default accuracy, from a fresh guess so that no restart leaks into a label."""
    calculator = Calculator("GFN2-xTB", np.asarray(numbers), positions / Bohr)
    calculator.set("verbosity", 0)
    try:
        result = calculator.singlepoint()
    except RuntimeError:
        raise Dropped("electronic structure not converged") from None
    orbital_energies = result.get("orbital-energies") * Hartree
    occupied = round(float(np.sum(result.get("orbital-occupations"))) / 2)
    return Labels(
        energy=round(float(result.get("energy")) * Hartree, 6),
        homo=round(float(orbital_energies[occupied - 1]), 5),
        lumo=round(float(orbital_energies[occupied]), 5),
        dipole_moment=round(float(np.linalg.norm(result.get("dipole"))) * Bohr / Debye, 4),
        partial_charges=np.rint(result.get("charges") / CHARGE_UNIT).astype(int).tolist(),
    )


def free_atom_energies() -> dict[str, float]:
    """GFN2-xTB energies (eV, 1e-6) of free atoms in their ground spin state."""
    energies = {}
    for symbol, multiplicity in FREE_ATOM_MULTIPLICITY.items():
        atom = Atoms(symbol)
        atom.calc = TBLite(method="GFN2-xTB", multiplicity=multiplicity, verbosity=0)
        energies[symbol] = round(float(atom.get_potential_energy()), 6)
    return energies
