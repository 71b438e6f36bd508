"""Substructure search and nearest molecules over 128,744 molecules of QM9, beside plain RDKit on the same SMILES."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np

from benchmarks.timing import ARCHIVE, median_seconds
from core.data import search
from core.data.card import Card
from core.data.molecules import Molecules
from core.data.search import make_index, nearest_rows, substructure_rows
from core.data.store import Dataset, open_dataset, save_dataset

SOURCE = ARCHIVE.with_name("qm9_geometries_g4mp2.npz")
QUERIES = (
    "C=O", "c1ccccc1", "C#N", "N", "F", "CCCCCC", "[OX2H]", "C1CC1", "O=C-N", "[#6]~[#7]", "C1CCCCC1", "CC(C)(C)C",
    "[CX3;$(C=O)][NX3]", "[r3,r4]@[r5]", "C.N", "OCC(=O)N", "[CH3]", "[!#6;!#1]~*~*~[R]", "[D3]~[D3]~[D3]~[D3]", "[nH]",
)  # fmt: skip
HARD = ("*~*~*~*~*~*~*~*~*", "C~C~C~C~C~C~C", "C.C.C.C.C.C.C", "[$(*~*~*~*~*~*~*)]")
COLD = """
import sys, time
from core.data.store import open_dataset
dataset = open_dataset("searched")
from core.data.search import substructure_rows
begin = time.perf_counter()
substructure_rows(dataset, sys.argv[1])
print(time.perf_counter() - begin)
"""


def measure() -> dict[str, Any]:
    """Milliseconds of each kind of search, and seconds without the index and of making it.

    Raises:
        SystemExit: where the molecules are not there.
    """
    dataset = _dataset()
    figures: dict[str, Any] = {"molecules": dataset.molecules.n_molecules}
    without = [_seconds(dataset, query) for query in ("C=O", "c1ccccc1", "CCCCCC")]
    begin = time.perf_counter()
    make_index(dataset)
    made = time.perf_counter() - begin
    dataset = open_dataset(dataset.name)  # nothing of what was made is in memory
    substructure_rows(dataset, "CCl")
    taken = {query: statistics.median(_seconds(dataset, query) for _ in range(3)) for query in (*QUERIES, *HARD)}
    usual = [taken[query] for query in QUERIES]
    worst = max(QUERIES, key=lambda query: taken[query])
    cold = [_cold(query) for query in ("C=O", "c1ccccc1", "CCCCCC")]
    rows = np.random.default_rng(0).choice(np.flatnonzero(dataset.molecules.smiles != b""), 20)
    return figures | {
        "substructure with index, median of 20 queries, ms": _ms(statistics.median(usual)),
        "substructure with index, worst of 20 queries, ms": f"{_ms(max(usual))} ({worst})",
        "substructure with index, worst of 4 hostile queries, ms": _ms(max(taken[query] for query in HARD)),
        "first substructure of a process, RDKit's loading included, worst of 3, ms": _ms(max(cold)),
        "substructure without index, worst of 3, s": round(max(without), 2),
        "making the index, s": round(made, 1),
        "plain RDKit, SMILES read and matched, one thread, s": round(_by_rdkit(dataset, "C=O"), 2),
        "8 nearest, median of 20 molecules, ms": _ms(
            statistics.median(median_seconds(lambda row=row: nearest_rows(dataset, int(row), 8), 1) for row in rows)
        ),
    }


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 1)


def _dataset() -> Dataset:
    if not SOURCE.exists():
        raise SystemExit("this benchmark needs the real molecules in ../shared/data")
    source = np.load(SOURCE)
    first_atom = np.concatenate([[0], np.cumsum(source["n_atoms"], dtype=np.int64)])
    molecules = Molecules(
        source["Z"].astype(np.uint8), source["R_1e5A"] * 1e-5, first_atom, source["id"].astype(np.int64),
        smiles=source["smiles"].astype("S"),
    )  # fmt: skip
    return save_dataset(molecules, Card(name="searched", title="QM9 geometries", n_molecules=1, n_atoms=1))


def _seconds(dataset: Dataset, query: str) -> float:
    search._KEPT = search._Kept()  # an answer that is kept costs nothing
    begin = time.perf_counter()
    substructure_rows(dataset, query)
    return time.perf_counter() - begin


def _cold(query: str) -> float:
    return float(subprocess.run([sys.executable, "-c", COLD, query], capture_output=True, text=True, check=True).stdout)


def _by_rdkit(dataset: Dataset, query: str) -> float:
    from core.chem.smiles import read_query, read_smiles

    texts = [text.decode() for text in dataset.molecules.smiles if text]
    asked = read_query(query).mol
    begin = time.perf_counter()
    for text in texts:
        read_smiles(text).HasSubstructMatch(asked)
    return time.perf_counter() - begin
