import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from rdkit.DataStructs import TanimotoSimilarity

from core.chem.graphs import make_graphs, similarities

SMILES = ["CCO", "CCN", "c1ccccc1O", "CCCCCC", "C", "O", "CC(=O)Nc1ccc(O)cc1"]


def test_similarities_are_those_of_rdkit() -> None:
    graphs = make_graphs(SMILES)
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    bits = [generator.GetFingerprint(Chem.MolFromSmiles(text)) for text in SMILES]
    for i, one in enumerate(bits):
        expected = [TanimotoSimilarity(one, other) for other in bits]
        np.testing.assert_allclose(similarities(graphs.fingerprints, graphs.fingerprints[i]), expected)


def test_empty_fingerprints_are_like_nothing() -> None:
    none = np.zeros((2, 256), dtype=np.uint8)
    assert similarities(none, none[0]).tolist() == [0.0, 0.0]
    one = make_graphs(["CCO"]).fingerprints
    assert similarities(one, one[0])[0] == pytest.approx(1.0)
