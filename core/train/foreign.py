"""A model from elsewhere looked into before it is loaded: network, units, offsets, split, and what is missing."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.data.importers.columns import Length
from core.data.molecules import SYMBOLS
from core.data.properties import PROPERTIES
from core.data.reference_units import unit_by_atoms
from core.data.store import Dataset
from core.data.units import fits, units_for, usual_spelling
from core.errors import MollensError
from core.files import ABANDONED_AFTER, home
from core.runs.foreign_files import WEIGHTS, ForeignFiles, find_files, is_archive, unpack
from core.runs.predictions import TEST, TRAIN, VALIDATION
from core.runs.seen import Seen
from core.train.foreign_beside import named_database, named_split, seen_beside
from core.train.foreign_config import ForeignConfig, check_representation, read_config
from core.train.foreign_logs import read_logs
from core.train.foreign_split import ForeignSplit, database_rows, database_unit, read_split
from models.errors import ModelError
from models.exported_network import read_exported_network
from models.schnetpack_files_network import ForeignNetwork, network_keywords, read_network

Progress = Callable[[int, int, str], None]
NOT_STATED = "not stated"
_LENGTHS: dict[str, Length] = {"ang": "Angstrom", "angs": "Angstrom", "angstrom": "Angstrom", "a": "Angstrom"}


@dataclass(frozen=True, eq=False)
class Foreign:
    """A model from elsewhere with everything that lies beside it."""

    files: ForeignFiles
    network: ForeignNetwork
    keywords: dict[str, Any]
    """of `build_network`"""
    config: ForeignConfig | None
    split: ForeignSplit | None
    database: Path | None
    """the database that it was trained on, if it is at hand"""
    epochs: list[dict[str, Any]] = field(default_factory=list)
    """epoch lines of its log, in the unit of the training"""
    notes: tuple[str, ...] = ()
    seen: Seen | None = None
    """what an export says that it has seen; then neither split nor database are needed"""

    @property
    def unit(self) -> str | None:
        """The unit of the model's output, if the configuration or the database says it."""
        stated = self.config.units.get(self.key) if self.config is not None else None
        if stated is None and self.network.description:
            stated = str(self.network.description["unit"])
        if stated is None and self.database is not None:
            stated = database_unit(self.database, self.key)
        return stated

    @property
    def split_known(self) -> bool:
        """Whether its training molecules can be recognised."""
        return self.seen is not None or (self.split is not None and self.database is not None)

    @property
    def counts(self) -> dict[str, int] | None:
        """How many molecules it has in training, validation and test, as far as its files say."""
        if self.seen is not None:
            codes = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
            return {part: int((self.seen.codes == code).sum()) for part, code in codes.items()}
        split = self.split
        if split is None:
            return None
        return {"train": len(split.train), "validation": len(split.validation), "test": len(split.test)}

    @property
    def level_of_theory(self) -> str | None:
        """Of the labels that it has learned; only an export says it."""
        stated = self.config.level_of_theory if self.config is not None else None
        stated = stated or str(self.network.description.get("level_of_theory", NOT_STATED))[:200]
        return None if stated == NOT_STATED else stated

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbols of the elements that it has learned, as far as its files say."""
        named = self.config.elements if self.config is not None else ()
        stated = named or self.network.description.get("elements", ())
        symbols = [str(symbol) for symbol in stated] if isinstance(stated, list | tuple) else []
        references = [SYMBOLS[z] for z in sorted(self.network.offset.reference) if z < len(SYMBOLS)]
        return tuple(symbol for symbol in symbols if symbol in SYMBOLS) or tuple(references)

    @property
    def key(self) -> str:
        """The key in the data of what it predicts: an output may have another name than its target."""
        named = dict(self.config.outputs) if self.config is not None else {}
        return named.get(self.network.output, self.network.output)

    @property
    def neighbour_cutoff(self) -> float:
        """Radius of the neighbour list; that of the filters where no configuration says another one."""
        cutoff = self.config.neighbour_cutoff if self.config is not None else None
        if cutoff is None and self.network.description:
            cutoff = float(self.network.description["neighbour_cutoff"])
        return cutoff if cutoff is not None else float(self.keywords["cutoff"])


@contextmanager
def unpacked(path: Path, progress: Progress | None = None) -> Iterator[Path]:
    """`path` itself, or the folder that a zip of a run is unpacked to for the length of the block.

    Raises:
        MollensError: for a zip that is refused, see `core.runs.foreign_files.unpack`.
    """
    if not is_archive(path):
        yield path
        return
    folder = home() / "tasks" / f".unpacked-{secrets.token_hex(4)}"
    for left in folder.parent.glob(".unpacked-*"):  # by a process that was killed
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > ABANDONED_AFTER:
                shutil.rmtree(left, ignore_errors=True)
    tell = None if progress is None else lambda done, total: progress(done, total, f"unpacking {path.name}")
    try:
        yield unpack(path, folder, tell)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def open_foreign(path: Path, database: Path | None = None, only_allowed: bool = False) -> Foreign:
    """Read a model, from the folder of its run or of an export, or from a single file; nothing in it is run.

    Args:
        database: the ASE database that it was trained on; else the one that its configuration names, where it is there.
        only_allowed: take the database that a configuration names only from the folders that the page may read.

    Raises:
        MollensError: if there is no model, or one that cannot be expressed; the sentence names what.
    """
    files = find_files(path)
    try:
        own = files.model.name == WEIGHTS
        network = read_exported_network(files.folder) if own else read_network(files.model)
        keywords = network_keywords(network)
    except ModelError as error:
        raise MollensError(str(error)) from error
    config = None
    if files.config is not None:
        config = read_config(files.config, files.folder.parent.parent)
        check_representation(config, network.kind, files.config.name)
        _check_lengths(config.distance_unit, files.config.name)
    split_file = files.split or named_split(files, config)
    split = read_split(split_file) if split_file is not None else None
    notes = []
    if database is not None:
        database_rows(database)  # refused at once if it is none
    else:
        database, told = named_database(files, config, only_allowed)
        notes += told
    epochs = []
    if files.logs:
        maes = config.mae_names if config is not None else ()
        try:
            lines = read_logs(files.logs, network.output, 1.0, maes, ())
            epochs = [line for line in lines if line["kind"] == "epoch"]
        except MollensError as error:
            notes.append(str(error))
    seen = seen_beside(files)
    if seen is not None:
        notes = []  # no database is missed
    return Foreign(files, network, keywords, config, split, database, epochs, tuple(notes), seen)


def _check_lengths(unit: str | None, what: str) -> None:
    if unit is not None and unit.lower() not in _LENGTHS:
        raise MollensError(f"{what}: distances are in {unit[:40]!r}; models trained in Angstrom can be loaded")


def inspect_model(path: Path, database: Path | None = None, only_allowed: bool = False) -> dict[str, Any]:
    """What a model of SchNetPack is, as JSON values, for a person to look at before it is loaded.

    Keys: path, file, network (kind, sizes, cutoff, pooling, n_parameters), output, property, adds, reference {symbol:
    value}, mean, unit (null if not known), neighbour_cutoff, schnetpack, epoch, split (null, or train, validation,
    test), database (null, or its path and n_molecules), seen (whether an export says what it has seen), split_known,
    level_of_theory (null if not stated), log (null, or epochs, best_mae), recipe, missing,
    notes.

    Raises:
        MollensError: see `open_foreign`.
    """
    with unpacked(path) as place:
        found = open_foreign(place, database, only_allowed)
        network, config = found.network, found.config
        maes = [line["validation_mae"] for line in found.epochs]
        return {
            "path": str(path),
            "file": str(found.files.model.relative_to(found.files.folder)),
            "network": {
                "kind": network.kind,
                **found.keywords,
                "n_parameters": network.n_parameters,
            },
            "output": network.output,
            "property": network.output if network.output in PROPERTIES else None,
            "adds": list(network.adds),
            "reference": _reference(found),
            "mean": network.offset.mean,
            "unit": found.unit,
            "neighbour_cutoff": found.neighbour_cutoff,
            "schnetpack": network.version or None,
            "epoch": network.epoch,
            "split": found.counts,
            "database": None
            if found.database is None
            else {"path": str(found.database), "n_molecules": database_rows(found.database)},
            "seen": found.seen is not None,
            "split_known": found.split_known,
            "level_of_theory": found.level_of_theory,
            "log": {"epochs": len(maes), "best_mae": min(maes)} if maes else None,
            "recipe": config.settings if config is not None else {},
            "missing": _missing(found),
            "notes": list(found.notes),
        }


def _missing(found: Foreign) -> list[str]:
    """What is not there, in sentences that say what follows from it."""
    told = []
    if found.config is None and not found.network.description:
        told.append(
            "No config.yaml: its unit is asked for, and its neighbour list taken to reach as far as its filters."
        )
    elif found.unit is None:
        told.append("Its unit is not stated: it is asked for.")
    if found.counts is None:
        told.append(
            "No split.npz: nobody knows what it was trained on, so errors may be optimistic, without a verdict."
        )
    elif not found.split_known:
        told.append(
            "Its database is not at hand: split.npz counts rows of it, so its training molecules cannot be recognised; "
            "errors may be optimistic, without a verdict. Give the database if you have it."
        )
    if not found.epochs:
        told.append("No log (metrics.csv, or TensorBoard's): there are no curves of its training.")
    return told


def unit_of(found: Foreign, dataset: Dataset, target: str, given: str | None) -> str:
    """The unit of a model's output: as given, as its files state it, or as its atomic energies tell it.

    Raises:
        MollensError: if nobody says it, or it is no unit of the target.
    """
    house = dataset.property(target).unit
    atoms = dataset.card.atomic_energies.get(target, {})
    unit = given or found.unit or unit_by_atoms(_reference(found), atoms, house)
    if unit is None and not house:
        return ""
    if unit is None:
        raise MollensError(
            f"{found.files.model.name}: no file says the unit of {found.network.output}; give it with --unit, one of "
            f"{', '.join(units_for(house))}"
        )
    if unit == house:
        return unit
    if not fits(unit, house):
        raise MollensError(f"unit {unit!r}: is no unit for {target}, which is in {house}; give one with --unit")
    return usual_spelling(unit, house)


def _reference(found: Foreign) -> dict[str, float]:
    """The atomic energies that a model adds, by symbol, in its own unit."""
    return {SYMBOLS[z]: value for z, value in found.network.offset.reference.items() if z < len(SYMBOLS)}
