"""What lies beside a model from elsewhere and says what it was trained on: split, database, or what it has seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.data.identity import N_ROUNDINGS
from core.data.uploads import resolve_inside, upload_key
from core.errors import MollensError
from core.files import home
from core.runs.foreign_files import ForeignFiles
from core.runs.predictions import TEST, TRAIN
from core.runs.seen import Seen, read_seen_files
from core.train.foreign_config import ForeignConfig
from core.train.foreign_split import MOST_MOLECULES, database_rows


def seen_beside(files: ForeignFiles) -> Seen | None:
    """What an export says that its model has seen; None where it does not say.

    Raises:
        MollensError: if it is damaged, or of another version.
    """
    if files.seen is None:
        return None
    seen = read_seen_files(files.seen, files.model.name)
    n, n_roundings = seen.hashes.shape
    if n_roundings != N_ROUNDINGS or n > MOST_MOLECULES or not (np.asarray(seen.codes) <= TEST).all():
        raise MollensError(
            f"{files.seen.name}/: holds {n:,} molecules with {n_roundings} hashes each, or parts that no split has; "
            f"expected {N_ROUNDINGS} hashes, and training, validation or test"
        )
    if not (np.asarray(seen.codes) == TRAIN).any():
        raise MollensError(f"{files.seen.name}/: has no training molecule; export the model again")
    return Seen(np.array(seen.hashes), np.array(seen.codes))


def named_split(files: ForeignFiles, config: ForeignConfig | None) -> Path | None:
    """The split that a configuration names, where it lies inside the run's folder."""
    if config is None:
        return None
    try:
        path = (files.folder / config.split_file).resolve(strict=True)
        return path if path.is_file() and path.is_relative_to(files.folder.resolve()) else None
    except (OSError, ValueError, RuntimeError):
        return None


def named_database(
    files: ForeignFiles, config: ForeignConfig | None, only_allowed: bool
) -> tuple[Path | None, list[str]]:
    """The database that a configuration names: at its path, or under its name beside the run; with what is to say."""
    if config is None or config.database is None:
        return _only_database(files), []
    named = Path(config.database)
    candidates = [files.folder / named.name, files.folder.parent / named.name]
    if named.is_absolute():
        candidates.insert(0, named)
    for candidate in candidates:
        try:
            if not candidate.is_file():
                continue
            real = candidate.resolve(strict=True)
            beside = real.parent == files.folder.resolve()
            if only_allowed and not (beside and (upload_key(files.model) or _is_temporary(files.folder))):
                resolve_inside(str(real))
            database_rows(candidate)
            return candidate, []
        except (MollensError, OSError):
            continue
    return None, [f"its database {named.name} is not at hand"]


def _only_database(files: ForeignFiles) -> Path | None:
    """The one database in the run's folder, where no configuration names any."""
    found = sorted(files.folder.glob("*.db"))
    return found[0] if len(found) == 1 and found[0].is_file() and not found[0].is_symlink() else None


def _is_temporary(folder: Path) -> bool:
    return folder.parent == home() / "tasks" and folder.name.startswith(".unpacked-")
