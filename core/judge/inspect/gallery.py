"""A list of molecules with what a model says of them, as a file: CSV, extended xyz or another of the formats."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from core.data.card import CardProperty
from core.data.exporters import Exporter, export, format_of
from core.data.exporters.chosen import Progress
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.held_out import HeldOut
from core.judge.inspect.outliers import OutlierPage

COLUMNS = {
    "rank": ("Place in the order", False),
    "predicted": ("Predicted", True),
    "error": ("Predicted minus target", True),
    "baseline": ("Baseline, linear in composition", True),
    "times_size_mae": ("|error| over the mean absolute error of its size", False),
    "times_spread": ("|error| over the spread of its size", False),
    "size_rank": ("Place among its size, 1 is the worst", False),
    "n_size": ("Held-out molecules of its size", False),
    "other_error": ("Error of the other model", True),
    "difference": ("Error minus that of the other model", True),
    "mean_error": ("Mean error of the seeds", True),
    "seed_spread": ("Standard deviation between seeds", True),
}
"""Columns of a page that are written beside the properties: their label, and whether they have the target's unit."""


def gallery_dataset(source: HeldOut, page: OutlierPage) -> Dataset:
    """The molecules of a page as a dataset of their own, in their order, with what the model says as properties.

    It is made to be exported and is not saved.

    Raises:
        MollensError: for a page without molecules.
    """
    if not len(page.table):
        raise MollensError(f"run {source.run.name}: no molecule is chosen; nothing can be exported")
    molecules = source.dataset.molecules.take(page.table["row"].to_numpy())
    added = {name: page.table[name] for name in COLUMNS if name in page.table.columns}
    own = tuple(
        CardProperty(key=name, label=COLUMNS[name][0], unit=source.target.unit if COLUMNS[name][1] else "")
        for name in added
    )
    columns = {name: np.asarray(each.cast(float).fill_null(float("nan")).to_numpy()) for name, each in added.items()}
    card = source.dataset.card
    taken = {p.key for p in own}
    kept = tuple(p for p in card.properties if p.key not in taken)
    described = card.model_copy(
        update={"properties": (*own, *kept), "default_target": source.target.key, "title": _title(source)}
    )
    ordered = {**columns, **{key: values for key, values in molecules.columns.items() if key not in taken}}
    return replace(source.dataset, card=described, molecules=replace(molecules, columns=ordered))


def _title(source: HeldOut) -> str:
    return f"{source.dataset.card.title}: {source.part} molecules as {source.run.name} predicts them"


def gallery_format(path: Path) -> Exporter | None:
    """The exporter that a file's ending names; None for a page of HTML, which `core.figures` makes.

    Raises:
        MollensError: for another ending.
    """
    return None if path.name.lower().endswith((".html", ".htm")) else format_of(path)


def export_gallery(source: HeldOut, page: OutlierPage, path: Path, progress: Progress | None = None) -> Path:
    """Write the molecules of a page with their errors; the ending names the format.

    Raises:
        MollensError: as `core.data.exporters.export`, or for a page without molecules.
    """
    chosen = gallery_dataset(source, page)
    return export(chosen, np.arange(chosen.molecules.n_molecules), path, progress=progress)


def depiction(smiles: str, width: int = 300, height: int = 200) -> str | None:
    """A structural formula as SVG text for a light page; None without a SMILES that can be read."""
    if not smiles:
        return None
    from core.chem.depiction import depict  # brings RDKit along

    return depict(smiles, False, width, height)
