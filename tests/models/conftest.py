"""Molecules for the tests of networks."""

import pytest
from ase import Atoms
from ase.collections import g2


@pytest.fixture(scope="session")
def molecules() -> list[Atoms]:
    """Twelve molecules of H, C, N, O and F, an isolated atom among them."""
    names = ["CH4", "NH3", "H2O", "C2H6", "CH3CH2OH", "HCOOCH3", "CH2NHCH2", "C6H6", "C4H4NH", "CF4", "O", "C3H9N"]
    return [g2[name] for name in names]
