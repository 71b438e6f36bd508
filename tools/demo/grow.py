"""Grows random molecular graphs of C, H, N, O, F that follow QM9's size and element imbalance."""

import random
from collections import Counter
from collections.abc import Callable

from rdkit import Chem, RDLogger

from demo.rules import MAX_HEAVY_ATOMS, broken_rule
from demo.vocabulary import FLUORO_FRAGMENTS, FRAGMENTS, QM9_SIZE_COUNTS, SEEDS, SMALL_MOLECULES

OXYGEN_SHARE = 0.85
NITROGEN_SHARE = 0.62
FLUORINE_SHARE = 0.022
MIN_FLUORINATED_PER_SIZE = 4

RDLogger.DisableLog("rdApp.*")


def grow_graphs(
    count: int, seed: int, report: Callable[[int], None] | None = None, max_barren_proposals: int = 60_000
) -> list[str]:
    """Grow about `count` canonical SMILES (no stereo), unique, in random order.

    The listed molecules of 3 to 8 atoms come first in the budget, then proposals are accepted while the
    quota of their size (and of "contains F" at that size) is open. Fewer than `count` come back when
    `max_barren_proposals` proposals in a row fill no quota. `report` receives the number accepted so far.
    """
    rng = random.Random(seed)
    accepted = {_canonical(smiles) for smiles in SMALL_MOLECULES[:count]}
    open_quota = size_quotas(count - len(accepted))
    composition: Counter[str] = Counter()
    barren = 0
    while open_quota and barren < max_barren_proposals:
        smiles, cell = _propose(rng, open_quota, composition)
        barren += 1
        if smiles is None or smiles in accepted or not open_quota.get(cell):
            continue
        barren = 0
        accepted.add(smiles)
        composition.update({"all": 1, "O": "O" in smiles.upper(), "N": "N" in smiles.upper()})
        open_quota[cell] -= 1
        if not open_quota[cell]:
            del open_quota[cell]
        if report:
            report(len(accepted))
    ordered = sorted(accepted)
    rng.shuffle(ordered)
    return ordered


def size_quotas(count: int) -> dict[tuple[int, bool], int]:
    """Share `count` molecules of 9 and more atoms over (atoms with hydrogens, contains F) as QM9 does."""
    total = sum(QM9_SIZE_COUNTS.values())
    quotas: dict[tuple[int, bool], int] = {}
    for size, qm9_count in QM9_SIZE_COUNTS.items():
        here = round(count * qm9_count / total)
        fluorinated = round(FLUORINE_SHARE * here)
        if size <= 24:
            fluorinated = max(fluorinated, min(MIN_FLUORINATED_PER_SIZE, here // 4))
        elif size > 26:
            fluorinated = 0
        quotas[size, True], quotas[size, False] = fluorinated, here - fluorinated
    return {cell: quota for cell, quota in quotas.items() if quota}


def _propose(
    rng: random.Random, open_quota: dict[tuple[int, bool], int], composition: Counter[str]
) -> tuple[str | None, tuple[int, bool]]:
    size, with_fluorine = rng.choices(list(open_quota), weights=[q + 2 for q in open_quota.values()])[0]
    heavy_count = _draw_heavy_count(rng, size)
    elements = {"C"}
    for symbol, share in (("O", OXYGEN_SHARE), ("N", NITROGEN_SHARE)):
        short = composition[symbol] < share * (composition["all"] + 1)
        if rng.random() < (0.95 if short else 0.45):
            elements.add(symbol)
    if with_fluorine:
        elements.add("F")
    mol = _grow_one(rng, heavy_count, hydrogens=size - heavy_count, elements=elements)
    if mol is None or broken_rule(mol):
        return None, (0, False)
    smiles = Chem.MolToSmiles(mol, isomericSmiles=False)
    hydrogens = sum(atom.GetTotalNumHs() for atom in mol.GetAtoms())
    return smiles, (mol.GetNumAtoms() + hydrogens, "F" in smiles)


def _draw_heavy_count(rng: random.Random, size: int) -> int:
    """A heavy-atom count that can reach `size`, mostly nine as in QM9."""
    smallest = max(3, -(-(size - 2) // 3))
    largest = min(MAX_HEAVY_ATOMS, max(smallest, round(size * 0.75)))
    counts = list(range(smallest, largest + 1))
    return rng.choices(counts, weights=[2.2 ** (n - counts[0]) for n in counts])[0]


def _grow_one(rng: random.Random, heavy_count: int, hydrogens: int, elements: set[str]) -> Chem.Mol | None:
    """One sanitised graph of `heavy_count` atoms using all of `elements`, or None when growth got stuck."""
    saturated = hydrogens >= 1.9 * heavy_count
    seeds = [s for s in SEEDS if s.fits(elements, heavy_count) and (not saturated or s.unsaturation == 0)]
    seed = rng.choices(seeds, weights=[s.weight for s in seeds])[0]
    mol = Chem.RWMol(Chem.MolFromSmiles(seed.smiles))
    Chem.Kekulize(mol, clearAromaticFlags=True)
    steps = 0
    while mol.GetNumAtoms() < heavy_count:
        steps += 1
        if steps > 25 or not _attach_fragment(rng, mol, heavy_count, elements, hydrogens):
            return None
        if rng.random() < 0.22 and not _edit(rng, mol, elements, saturated):
            return None
    for symbol in sorted(elements - {atom.GetSymbol() for atom in mol.GetAtoms()} - {"C"}):
        _replace_carbon(rng, mol, symbol)
    if elements - {atom.GetSymbol() for atom in mol.GetAtoms()}:
        return None
    try:
        Chem.SanitizeMol(mol)
    except Chem.MolSanitizeException:
        return None
    # Reading the SMILES back settles aromaticity and implicit hydrogens as any reader of the file sees them.
    return Chem.MolFromSmiles(Chem.MolToSmiles(mol, isomericSmiles=False))


def _attach_fragment(rng: random.Random, mol: Chem.RWMol, heavy_count: int, elements: set[str], hydrogens: int) -> bool:
    room = heavy_count - mol.GetNumAtoms()
    saturated = hydrogens >= 1.9 * heavy_count
    vocabulary = FRAGMENTS + FLUORO_FRAGMENTS if "F" in elements else FRAGMENTS
    fragments = [f for f in vocabulary if f.fits(elements, room) and (not saturated or f.unsaturation == 0)]
    # Hydrogen-poor targets need fragments that bring few hydrogens; hydrogen-rich ones the contrary.
    poor = hydrogens < heavy_count
    weights = [f.weight * (2.5 if poor and f.unsaturation else 1.0) for f in fragments]
    fragment = rng.choices(fragments, weights=weights)[0]
    sites = [atom.GetIdx() for atom in mol.GetAtoms() if _can_carry(atom, fragment.order)]
    if not sites:
        return False
    site_weight = {"C": 1.0, "N": 0.6, "O": 0.4}
    site = rng.choices(sites, weights=[site_weight[mol.GetAtomWithIdx(i).GetSymbol()] for i in sites])[0]
    first = mol.GetNumAtoms()
    piece = Chem.MolFromSmiles(fragment.smiles)
    Chem.Kekulize(piece, clearAromaticFlags=True)
    mol.InsertMol(piece)
    mol.AddBond(site, first, Chem.BondType.DOUBLE if fragment.order == 2 else Chem.BondType.SINGLE)
    return _settle(mol)


def _can_carry(atom: Chem.Atom, order: int) -> bool:
    if atom.GetSymbol() == "F" or atom.GetFormalCharge():
        return False
    return atom.GetTotalNumHs() >= order and (order == 1 or atom.GetSymbol() == "C")


def _edit(rng: random.Random, mol: Chem.RWMol, elements: set[str], saturated: bool) -> bool:
    if rng.random() < 0.45 or saturated:
        hetero = sorted(elements & {"N", "O"})
        return not hetero or _replace_carbon(rng, mol, rng.choice(hetero))
    return _raise_bond(rng, mol) if rng.random() < 0.6 else _close_ring(rng, mol)


def _replace_carbon(rng: random.Random, mol: Chem.RWMol, symbol: str) -> bool:
    """Turn one carbon with enough hydrogens into N, O or F; True also when there is none."""
    needed = {"N": 1, "O": 2, "F": 3}[symbol]
    sites = [a.GetIdx() for a in mol.GetAtoms() if a.GetSymbol() == "C" and a.GetTotalNumHs() >= needed]
    if sites:
        atom = mol.GetAtomWithIdx(rng.choice(sites))
        atom.SetAtomicNum({"N": 7, "O": 8, "F": 9}[symbol])
    return _settle(mol)


def _raise_bond(rng: random.Random, mol: Chem.RWMol) -> bool:
    bonds = [
        bond.GetIdx()
        for bond in mol.GetBonds()
        if bond.GetBondType() == Chem.BondType.SINGLE
        and {bond.GetBeginAtom().GetSymbol(), bond.GetEndAtom().GetSymbol()} <= {"C", "N"}
        and min(bond.GetBeginAtom().GetTotalNumHs(), bond.GetEndAtom().GetTotalNumHs()) >= 1
    ]
    if bonds:
        mol.GetBondWithIdx(rng.choice(bonds)).SetBondType(Chem.BondType.DOUBLE)
    return _settle(mol)


def _close_ring(rng: random.Random, mol: Chem.RWMol) -> bool:
    """Join two atoms 4 or 5 bonds apart (a ring of 5 or 6), now and then 3 or 6."""
    distances = Chem.GetDistanceMatrix(mol, force=True)
    free = [a.GetIdx() for a in mol.GetAtoms() if a.GetSymbol() in "CN" and a.GetTotalNumHs()]
    pairs = [(i, j) for i in free for j in free if i < j and 3 <= distances[i, j] <= 6]
    if pairs:
        weight = {3: 0.1, 4: 1.0, 5: 1.0, 6: 0.15}
        i, j = rng.choices(pairs, weights=[weight[int(distances[p])] for p in pairs])[0]
        mol.AddBond(i, j, Chem.BondType.SINGLE)
    return _settle(mol)


def _settle(mol: Chem.RWMol) -> bool:
    """Recount implicit hydrogens; False when a valence is broken."""
    try:
        mol.UpdatePropertyCache(strict=True)
    except Chem.MolSanitizeException:
        return False
    return True


def _canonical(smiles: str) -> str:
    return Chem.MolToSmiles(Chem.MolFromSmiles(smiles), isomericSmiles=False)
