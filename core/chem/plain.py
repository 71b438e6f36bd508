"""Substructure search without an index: RDKit reads every SMILES and matches it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdSubstructLibrary

from core.chem.smiles import LONGEST_SMILES, Query, read_smiles
from core.errors import MollensError

MOST_ATOMS = 12
"""of a query over molecules that are longer than LONGEST; one molecule cannot be interrupted"""
LONGEST = 120
"""characters of SMILES up to which every query is quick"""
AT_ONCE = 2000
Progress = Callable[[int, int], None]


def plain_matches(
    smiles: Sequence[str], query: Query, seconds: float, progress: Progress | None = None
) -> NDArray[np.bool_]:
    """(n,) which SMILES have the substructure; one that cannot be read has none.

    Raises:
        MollensError: if `seconds` are over, or a large query meets large molecules.
    """
    what = f"substructure {query.text[:60]!r}"
    if query.n_atoms > MOST_ATOMS and max(map(len, smiles), default=0) > LONGEST:
        raise MollensError(
            f"{what}: has {query.n_atoms} atoms; over molecules this large only up to {MOST_ATOMS} are searched before "
            "the dataset's index is made; wait for it or ask for less"
        )
    deadline = time.monotonic() + seconds
    holder = rdSubstructLibrary.CachedSmilesMolHolder()
    for text in smiles:
        holder.AddSmiles(text if len(text) <= LONGEST_SMILES else "")
    library = rdSubstructLibrary.SubstructLibrary(holder)
    found = np.zeros(len(smiles), dtype=bool)

    def search(begin: int) -> None:
        if time.monotonic() > deadline:
            raise MollensError(f"{what}: takes too long to search without the dataset's index; wait for it")
        end = min(begin + AT_ONCE, len(smiles))
        own = Chem.Mol(query.mol)  # recursive queries remember while they match
        try:
            # threads of RDKit's own end the process where two of them meet a SMILES that cannot be read
            found[list(library.GetMatches(own, begin, end, useChirality=False, numThreads=1, maxResults=AT_ONCE))] = (
                True
            )
        except (ValueError, RuntimeError):
            mols = [read_smiles(text) for text in smiles[begin:end]]
            found[begin:end] = [mol is not None and mol.HasSubstructMatch(own) for mol in mols]

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        begins = range(0, len(smiles), AT_ONCE)
        for begin, _ in zip(begins, pool.map(search, begins), strict=True):
            if progress is not None:
                progress(min(begin + AT_ONCE, len(smiles)), len(smiles))
    return found
