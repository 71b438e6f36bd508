"""What the graphs are grown from: seeds, fragments, the molecules of 3 to 8 atoms, QM9's sizes."""

from dataclasses import dataclass
from functools import cached_property

from rdkit import Chem

# Molecules of QM9 by atom count with hydrogens, in a random 100,000 of the usual 130,831, from 9 atoms on.
QM9_SIZE_COUNTS = {
    9: 124, 10: 362, 11: 807, 12: 1689, 13: 3060, 14: 5136, 15: 7796, 16: 10644, 17: 13025, 18: 13364,
    19: 13832, 20: 9482, 21: 9970, 22: 3393, 23: 4848, 24: 539, 25: 1506, 26: 48, 27: 266, 29: 25,
}  # fmt: skip

# Closed-shell neutral molecules of 3 to 8 atoms; too few exist for them to be left to chance.
_SMALL_MOLECULE_LINES = (
    "O C#N O=C=O",
    "N C=O C#C N=C=O N#CC#N O=C(F)F",
    "C CF FCF FC(F)F C=C=O O=CO C=N NC#N C#CC#N NO",
    "C=C CO CC#N NN C=CF C=C(F)F O=CC=O C#CC#C NC=O FC(F)(F)C#N",
    "CN CC#C C=C=C C1CO1 CC=O C=CC#N C1=CC1 OCC#N FCC=O O=CC(=O)O N#CCC#N C#CC(=O)O c1nnco1 C#CCF CN=C=O",
    "CC CCF CC(F)F CC(F)(F)F FCCF C1CN1 COC=O CC(=O)O NC(N)=O O=CCO C=CC=O C=CC#C c1c[nH]nn1 c1nc[nH]n1",
    "c1cocn1 c1cnoc1 C#CCO NCC#N O=C(O)C(F)(F)F O=C(O)C(=O)O NC(=O)C#C",
)
SMALL_MOLECULES = [smiles for line in _SMALL_MOLECULE_LINES for smiles in line.split()]


@dataclass(frozen=True)
class Piece:
    """A seed or a fragment: its SMILES, how often to draw it, the order of its bond to the molecule."""

    smiles: str
    weight: float
    order: int = 1

    @cached_property
    def elements(self) -> frozenset[str]:
        return frozenset(atom.GetSymbol() for atom in self._mol.GetAtoms())

    @cached_property
    def heavy_count(self) -> int:
        return self._mol.GetNumAtoms()

    @cached_property
    def unsaturation(self) -> int:
        """Rings plus double bonds, the bond to the molecule included."""
        mol = Chem.Mol(self._mol)
        Chem.Kekulize(mol, clearAromaticFlags=True)
        orders = sum(int(bond.GetBondTypeAsDouble()) - 1 for bond in mol.GetBonds())
        return orders + mol.GetRingInfo().NumRings() + self.order - 1

    def fits(self, elements: set[str], room: int) -> bool:
        """Whether the piece uses only `elements` and has at most `room` heavy atoms."""
        return self.heavy_count <= room and self.elements <= elements

    @cached_property
    def _mol(self) -> Chem.Mol:
        return Chem.MolFromSmiles(self.smiles)


def _pieces(text: str, order: int = 1) -> tuple[Piece, ...]:
    words = text.split()
    pairs = zip(words[::2], words[1::2], strict=True)
    return tuple(Piece(smiles, float(weight), order) for smiles, weight in pairs)


SEEDS = _pieces(
    "C 6 CC 6 CCC 4 C=C 1.5 C#C 1 C=O 1.5 O 2 N 1.5 CC(C)C 1.5 C#N 0.5 "
    "C1CC1 2 C1CO1 1.2 C1CN1 1.0 C1CCC1 1.2 C1COC1 0.6 C1CNC1 0.5 O=C1CCC1 0.3 "
    "C1CCCC1 2.5 C1CCCCC1 2 C1CCCCCC1 0.3 C1=CCCC1 1.2 C1=CCCCC1 1 C1=CCC=C1 0.3 "
    "C1CCOC1 2 C1CCNC1 1.8 C1CCNCC1 1 C1CCOCC1 1 C1COCCN1 0.6 C1CNCCN1 0.3 C1COCCO1 0.3 C1COCO1 0.3 "
    "O=C1CCCO1 0.8 O=C1CCCN1 0.9 O=C1CCCC1 0.9 O=C1CCCCC1 0.6 O=C1COCN1 0.1 O=C1NCCO1 0.4 O=C1NCCN1 0.3 "
    "O=C1CCC(=O)N1 0.3 O=C1OCCO1 0.2 O=C1C=CCO1 0.3 O=C1C=CCN1 0.2 O=C1C=CCC1 0.5 "
    "c1ccccc1 1.5 c1ccncc1 1.3 c1cncnc1 0.9 c1cnccn1 0.7 c1ccnnc1 0.5 O=c1cccc[nH]1 0.4 O=c1ccnc[nH]1 0.4 "
    "c1cc[nH]c1 1.2 c1ccoc1 1.3 c1c[nH]cn1 1.2 c1cn[nH]c1 1.3 c1cocn1 1 c1cnoc1 1 c1nnco1 0.6 c1ncon1 0.6 "
    "c1nc[nH]n1 0.6 c1c[nH]nn1 0.5 c1nn[nH]n1 0.3 "
    "C1CC2CCC1C2 0.4 C1CC2CCC1O2 0.2 C1CC2CC2C1 0.6 C1CCC2CC2C1 0.3 C1OC2CC2C1 0.15 C1CC2OC2C1 0.4 "
    "C1CCC2OC2C1 0.3 C1CC2(C1)CC2 0.0 C1CCC2(C1)CC2 0.4 C1CCC2CCCC2C1 0.1 C1CC2CCCC2C1 0.3 C1CC2CCC1CC2 0.15 "
    "C1=CC2CCC1C2 0.2 C1CC2CCC1N2 0.15 C1CC2CCCC12 0.2 C1CN2CCCC2C1 0.1 C1CC12COC2 0.1 N#CC1CC1 0.3"
)

FRAGMENTS = _pieces(
    "C 9 O 5 N 3.2 CC 1.5 OC 1.6 NC 0.8 CO 1.2 CN 0.6 C(C)C 0.4 C(C)(C)C 0.15 OCC 0.4 N(C)C 0.5 "
    "C#N 1.3 C#C 1.1 C=O 1.2 C=C 0.7 C(C)=O 0.7 C(N)=O 0.6 C(=O)O 0.2 C(=O)OC 0.3 OC=O 0.3 OC(C)=O 0.2 "
    "NC=O 0.4 NC(C)=O 0.2 CC#N 0.4 CC#C 0.4 C1CC1 0.4 C1CO1 0.25 C1CN1 0.15 N1CC1 0.15 "
    "C1CCC1 0.1 [N+](=O)[O-] 0.08 C=NO 0.15 C1COC1 0.1"
) + _pieces("O 4.5 C 0.5 NO 0.25 N 0.15 NC 0.15 CC 0.15", order=2)

FLUORO_FRAGMENTS = _pieces("F 14 C(F)(F)F 5 CF 3 C(F)F 3")
