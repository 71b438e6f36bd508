"""Which molecular graphs a chemist would draw: forbidden motifs and ring rules."""

from functools import lru_cache

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

MAX_HEAVY_ATOMS = 9

FORBIDDEN_MOTIFS = {
    "peroxide": "[#8]~[#8]",
    "nitrogen bonded to nitrogen outside an aromatic ring": "[#7]~[N]",
    "three nitrogens in a row in a six-membered ring": "[n;r6]:[n;r6]:[n;r6]",
    "nitrogen bonded to oxygen, neither oxime, nitro nor aromatic": "[N;!$([N+](=O)[O-]);!$(N(=C)O)]~[#8]",
    "aromatic nitrogen bonded to exocyclic oxygen": "[n]-[O]",
    "oxime on a carbon with a heteroatom": "ON=C[O,F]",
    "acylated oxime": "O=CON=C",
    "fluorine on a heteroatom": "F[!#6]",
    "fluorine on a triple bond": "FC#*",
    "acyl fluoride": "FC=[O,N]",
    "fluorine next to a heteroatom": "F[CX4;!$(C(F)(F)F)][O,N]",
    "trifluoromethyl on nitrogen": "FC(F)(F)[#7]",
    "fluorine on three-membered ring beside heteroatom": "F[C;r3][O,N;r3]",
    "gem-diol or hemiacetal": "[OX2H][CX4][OX2]",
    "hemiaminal": "[#7][CX4][OX2H]",
    "aminal": "[NX3][CX4][NX3;!$(N-C=O)]",
    "amine acetal": "[NX3;!$(N-C=O)][CX4][OX2]",
    "acyl aminal": "[NX3;!H0][CX4][OX2]",
    "imine aminal": "[NX2;!a][CX4][O,N,F]",
    "orthoester": "[CX4]([#7,#8])([#7,#8])[#7,#8]",
    "acetal at a small ring": "[O,N][C;r3,r4;X4][O,N]",
    "enol": "[OX2H][CX3;!$(C=[O,N+])]=[C,N]",
    "primary or secondary enamine": "[NX3;!H0;!$(N-C=O);!a][CX3]=[CX3;!$(C-C=O);!$(C-C#N)]",
    "ynol or ynamine": "[O,N][CX2]#[#6]",
    "cyanate": "[OX2]C#N",
    "ketene acetal": "[O,N,F][CX3](=[CX3])[O,N]",
    "two heteroatoms across a C=C": "[OX2,NX3][CX3;!a]=[CX3;!a][OX2,NX3]",
    "imine or oxime of formaldehyde": "[CH2]=N",
    "N-H imine": "[NX2H]=[#6;!$(C-[NX3])]",
    "N-H imine of a carbamate": "[NX2H]=[#6][O,F]",
    "imidate or amidine beside another C=N": "[NX2]=[CX3][NX2]=[#6]",
    "acyl imine": "[#6]=[NX2;!a][CX3]=[O,N]",
    "imine on sp carbon": "[NX2;!a][CX2]#*",
    "enimine, N-vinyl imine": "[CX3]=[NX2;!a][CX3]=[CX3]",
    "cumulene": "*=*=*=*",
    "ketene, isocyanate, carbodiimide, ketenimine": "*=[CX2]=[!#6]",
    "allene with a heteroatom or in a ring": "[$([#6;R]=C=C),$([O,N,F]C=C=C),$(C(=C=C)C=O),$(C(=C=C)C#*)]",
    "1,2,3-tricarbonyl": "O=[#6][#6](=O)[#6]=O",
    "three carbonyls on one atom": "*(C=O)(C=O)C=O",
    "acyclic or mixed anhydride": "O=[CX3;!R][OX2][CX3]=O",
    "anhydride of a carbonic or carbamic acid": "O=[CX3][OX2][CX3](=O)[N,O]",
    "imide with formyl": "O=[CX3H][NX3][CX3]=O",
    "three acyls on nitrogen or oxygen": "[N](C=O)(C=O)C=O",
    "carbonic or carbamic acid": "[O,N][CX3](=O)[OX2H]",
    "acyl cyanide": "O=CC#N",
    "ynone with another triple bond": "*#C[CX3](=O)C#*",
    "alpha-keto cyano alkene on one carbon": "C(C#N)(C#N)(C#N)",
    "conjugated diyne": "*#[#6]-[#6]#*",
    "two geminal triple bonds": "*#C[CX4]C#*",
    "alkyne in a ring": "[#6;R]#[#6;R]",
    "double bond on a three-membered ring": "[*;r3]=,:*",
    "alkene in a ring with four members and more than one double bond": "[r4]=[r4][r4]=*",
    "two exocyclic double bonds on a four-membered ring": "*=[r4;$(*=[!r4])]~[r4]~[r4;$(*=[!r4])]",
    "neighbouring exocyclic double bonds on a four-membered ring": "[!r4]=[r4][r4]=[!r4]",
    "aromatic or imine in a four-membered ring": "[$([a;r4]),$([N;r4]=*)]",
    "two heteroatoms in a four-membered ring": "[O,N;r4]@[C;r4]@[O,N;r4]",
    "enol ether in a four-membered ring": "[O,N;r4][C;r4]=[C;r4]",
    "heteroatom next to a small heterocycle": "[O,N,F][C;r3]@[O,N;r3]",
    "N-acyl or N-hetero aziridine with sp carbon": "[N;r3][CX2]",
    "cyclopentadienone or fulvene": "*=C1C=CC=C1",
    "keto or methylene form of an arene, ortho": "*=[#6]1[#6,#7]=,:[#6,#7][#6]=[#6,#7][CX4;!H0]1",
    "keto or methylene form of an arene, para": "[C,O,N]=[#6]1[#6,#7]=[#6,#7][CX4;!H0][#6,#7]=[#6,#7]1",
    "methylene form of a five-membered arene": "[C,N;!R]=[#6;r5]1[#6]=[#6,#7]~[#7,#8]~[#6]1",
    "2H-pyrrole": "[CX4]1[NX2]=[#6][#6]=[#6]1",
    "5H-pyrrole": "[CX4]1[#6]=[#6][#6]=[NX2]1",
    "hydroxyl next to a ring heteroatom": "[OX2H]c[o,n]",
    "hydroxyl on a five-membered heteroarene": "[OX2H][c;r5]",
    "quinone methide": "[CX3H2]=C1C=CC(=*)C=C1",
    "methylene beside C=N": "[NX2;!a]=[CX3][CX3]=[NX2]",
    "methylene on carbon with nitrogen in a ring": "[CH2]=[C;R][N,O;R]",
    "acyloxy or alkoxy iminium-like carbon": "[NX2;!$(N-O)]=[CX3]([OX2;!R])",
    "formyl on heteroatom with another acyl": "[CX3H1](=O)[O][CX3]=[C]",
    "vinyl ester of small ring": "O=C1[O]C=C1",
    "four consecutive carbonyl-like carbons": "[#6](=[O,N])[#6](=[O,N])[O,N][#6]=[O,N]",
    "dialdehyde on one carbon": "[CX3H1](=O)[#6;!a][CX3H1]=O",
    "primary amine beside an aldehyde": "[NX3H2][CX4][CX3H1]=O",
    "nitro on a small ring": "[N+](=O)([O-])[r3,r4]",
    "nitro on a heteroatom, alkene or acetal carbon": "[N+](=O)([O-])[$([#7,#8]),$([CX4][O,F,N+0]),$([C]=*)]",
    "nitro twice": "[N+](=O)[O-].[N+](=O)[O-]",
}


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[str, Chem.Mol]]:
    return [(name, Chem.MolFromSmarts(smarts)) for name, smarts in FORBIDDEN_MOTIFS.items()]


def broken_rule(mol: Chem.Mol) -> str | None:
    """Name the first rule that a sanitised graph (implicit hydrogens) breaks, or None when it obeys all."""
    for name, pattern in _patterns():
        if mol.HasSubstructMatch(pattern):
            return name
    return _broken_composition_rule(mol) or _broken_ring_rule(mol)


def _broken_composition_rule(mol: Chem.Mol) -> str | None:
    symbols = [atom.GetSymbol() for atom in mol.GetAtoms()]
    if len(symbols) > MAX_HEAVY_ATOMS or not set(symbols) <= {"C", "N", "O", "F"}:
        return "more than nine heavy atoms or another element"
    if any(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms()):
        return "radical"
    if symbols.count("O") + symbols.count("N") > symbols.count("C") + 1 or symbols.count("O") > 4:
        return "too many heteroatoms"
    if sum(bond.GetBondType() == Chem.BondType.TRIPLE for bond in mol.GetBonds()) > 2:
        return "more than two triple bonds"
    return None


def _broken_ring_rule(mol: Chem.Mol) -> str | None:
    """Small rings stand alone or on one larger ring; bridges need rings of five and sp3 bridgeheads."""
    rings = [set(ring) for ring in mol.GetRingInfo().AtomRings()]
    if any(len(ring) > 7 for ring in rings):
        return "ring of more than seven atoms"
    small_rings = [ring for ring in rings if len(ring) <= 4]
    if len(rings) > 3 or len(small_rings) > 2 or (len(rings) == 3 and small_rings):
        return "too many rings"
    for ring in small_rings:
        for other in rings:
            shared = len(ring & other)
            if other is ring or not shared:
                continue
            if shared > 2 or (len(other) <= 4 and (shared == 2 or len(ring) + len(other) < 8)):
                return "cage or fused small rings"
            if shared == 2 and any(
                mol.GetAtomWithIdx(i).GetHybridization() != Chem.HybridizationType.SP3
                and mol.GetAtomWithIdx(i).GetSymbol() == "C"
                for i in ring & other
            ):
                return "small ring fused to a double bond"
    return _broken_bridge_rule(mol)


def _broken_bridge_rule(mol: Chem.Mol) -> str | None:
    bridgeheads: list[int] = []
    rdMolDescriptors.CalcNumBridgeheadAtoms(mol, bridgeheads)
    if not bridgeheads:
        return None
    if len(bridgeheads) > 2 or mol.GetNumBonds() - mol.GetNumAtoms() > 1:
        return "cage with more than two bridgeheads"
    for index in bridgeheads:
        atom = mol.GetAtomWithIdx(index)
        if any(bond.GetBondType() != Chem.BondType.SINGLE for bond in atom.GetBonds()):
            return "double bond at a bridgehead"
        if atom.GetSymbol() == "N" and any(
            bond.GetBondType() != Chem.BondType.SINGLE
            for neighbour in atom.GetNeighbors()
            for bond in neighbour.GetBonds()
        ):
            return "conjugated nitrogen at a bridgehead"
    return None
