"""Counts and charts of the Dataset page at the size of QM9, beside the same counts from an ASE database."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import ARCHIVE, median_seconds
from core.data.balance import cap_sizes, element_balance, size_balance
from core.data.card import Card
from core.data.distributions import bins_of, grouped_histogram, histogram
from core.data.joint import Axis, joint_histogram
from core.data.molecules import Molecules
from core.data.store import Dataset, open_dataset, save_dataset
from core.data.summary import count_by_size, molecules_by_element, size_element_counts
from core.figures.dataset_balance import cap_figure
from core.figures.dataset_cells import size_element_map
from core.figures.dataset_density import density
from core.figures.dataset_distribution import distribution, grouped_distribution
from core.figures.dataset_elements import element_shares
from core.figures.dataset_sizes import size_histogram

N = 133_885
GEOMETRIES = ARCHIVE.parent / "qm9_geometries_g4mp2.npz"
"""128,744 real QM9 geometries with a G4MP2 atomisation energy, where the optional folder of data is there"""
ASE_PART = 20_000
"""Molecules written to the ASE database; its times are extrapolated from them in proportion."""
HARTREE = 27.211386245988
LABEL, UNIT = "Atomisation energy", "eV"
KEY, SECOND = "atomization_energy", "heat_capacity"
"""The set has one property; a second one is made up, so that two can be shown together."""
FILTERS = 40


def measure() -> dict[str, Any]:
    """Milliseconds of each count, cold and warm, on both sets; then the whole of the charts; then the peer."""
    figures: dict[str, Any] = {}
    if GEOMETRIES.exists():
        real = _real()
        figures |= {f"{label}, real": value for label, value in _counts(real.molecules).items()}
        figures |= {f"{label}, real": value for label, value in _charts(real).items()}
        figures |= _peer(real)
    demo = open_dataset("demo").molecules
    many = demo.take(np.resize(np.arange(demo.n_molecules), N))
    return figures | {f"{label}, replicated": value for label, value in _counts(many).items()}


def _real() -> Dataset:
    with np.load(GEOMETRIES, allow_pickle=False) as arrays:
        first_atom = np.concatenate([[0], np.cumsum(arrays["n_atoms"], dtype=np.int64)])
        energy = arrays["eat_g4mp2_Ha"] * HARTREE
        molecules = Molecules(
            arrays["Z"].astype(np.uint8),
            arrays["R_1e5A"] * 1e-5,
            first_atom,
            arrays["id"].astype(np.int64),
            {KEY: energy, SECOND: np.diff(first_atom) + energy / 100},
            smiles=arrays["smiles"],
        )
    properties = [{"key": KEY, "label": LABEL, "unit": UNIT}, {"key": SECOND, "label": "made up", "unit": ""}]
    card = {"name": "geometries", "title": "QM9", "properties": properties, "n_molecules": 1, "n_atoms": 1}
    return save_dataset(molecules, Card.model_validate(card))


def _fresh(molecules: Molecules) -> Molecules:
    """The same arrays with nothing computed yet."""
    return Molecules(molecules.numbers, molecules.positions, molecules.first_atom, molecules.ids)


def _counts(molecules: Molecules) -> dict[str, Any]:
    rows = np.flatnonzero(np.random.default_rng(0).random(molecules.n_molecules) < 0.5)
    asked: dict[str, Callable[[Molecules], object]] = {
        "size histogram": lambda some: count_by_size(some, rows),
        "element share": lambda some: molecules_by_element(some, rows),
        "size x element": lambda some: size_element_counts(some, rows),
    }
    figures: dict[str, Any] = {"molecules": molecules.n_molecules}
    for name, ask in asked.items():
        figures[f"{name} cold, ms"] = _ms(median_seconds(lambda ask=ask: ask(_fresh(molecules))))
        figures[f"{name} of a selection warm, ms"] = _ms(median_seconds(lambda ask=ask: ask(molecules)))
    return figures


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 2)


def _charts(dataset: Dataset) -> dict[str, Any]:
    """All charts of the page after a change of the filter: counts and figures as plotly's JSON, not the transfer."""
    molecules, random = dataset.molecules, np.random.default_rng(1)
    taken = []
    for turn in range(FILTERS + 1):
        low = int(random.integers(3, 25))
        rows = np.flatnonzero((molecules.sizes >= low) & (molecules.sizes <= low + random.integers(1, 8)))
        start = time.perf_counter()
        _all_charts(dataset, rows)
        if turn:  # the first one makes bins and ranks, as the first look at a page does
            taken.append(time.perf_counter() - start)
        else:
            first = time.perf_counter() - start
    return {
        "all charts, first, ms": _ms(first),
        "all charts of a changed filter, median, ms": _ms(statistics.median(taken)),
        "all charts of a changed filter, 95th percentile, ms": _ms(float(np.quantile(taken, 0.95))),
    }


def _all_charts(dataset: Dataset, rows: np.ndarray) -> None:
    molecules, n = dataset.molecules, dataset.molecules.n_molecules
    sizes, counts = count_by_size(molecules)
    elements = molecules_by_element(molecules)
    _, symbols, everything = size_element_counts(molecules)
    bins, all_values = bins_of(dataset, KEY), histogram(dataset, KEY)
    x, y, labels = Axis(KEY, "atom"), Axis(SECOND), ((LABEL, UNIT), ("made up", ""))
    both = joint_histogram(dataset, x, y, rows)
    size_balance(molecules, rows), element_balance(molecules, rows)
    for fig in (
        size_histogram(sizes, counts, False, shown=count_by_size(molecules, rows)[1]),
        element_shares(elements, n, False, shown=molecules_by_element(molecules, rows), shown_total=len(rows)),
        size_element_map(
            sizes, symbols, size_element_counts(molecules, rows)[2], False, total=len(rows), behind=everything
        ),
        distribution(bins, all_values, LABEL, UNIT, False, shown=histogram(dataset, KEY, rows)),
        grouped_distribution(
            bins, grouped_histogram(dataset, KEY, "size_class", rows), all_values, LABEL, UNIT, False
        ),
        density(both, *labels, dark=False, behind=joint_histogram(dataset, x, y)),
        cap_figure(cap_sizes(molecules, 2000, rows), False),
    ):  # fmt: skip
        fig.to_json()


def _peer(dataset: Dataset) -> dict[str, Any]:
    """The same counts by walking through an ASE database, extrapolated from a part; and opening either."""
    from ase.db import connect

    molecules = dataset.molecules
    part = np.random.default_rng(2).choice(molecules.n_molecules, ASE_PART, replace=False)
    scale = molecules.n_molecules / ASE_PART
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part.db"
        with connect(path) as database:
            for row in part:
                database.write(molecules.to_ase(int(row)))
        opening = median_seconds(lambda: connect(path).count())
        start = time.perf_counter()
        found: Counter[tuple[int, int]] = Counter()
        for row in connect(path).select(include_data=False):
            found.update((row.natoms, int(number)) for number in np.unique(row.numbers))
        walked = time.perf_counter() - start
    _check(found, molecules, part)
    return {
        "open, ms": _ms(median_seconds(lambda: open_dataset(dataset.name), 20)),
        f"ASE database of {ASE_PART} molecules: open and count, ms": _ms(opening),
        f"ASE database: size x element, extrapolated from {ASE_PART} molecules, ms": _ms(walked * scale),
    }


def _check(found: Counter[tuple[int, int]], molecules: Molecules, part: np.ndarray) -> None:
    sizes, _, table = size_element_counts(molecules, part)
    for number, counts in zip(molecules.elements, table, strict=True):
        for size, count in zip(sizes, counts, strict=True):
            assert found[int(size), number] == count, "the ASE database counts differently"
