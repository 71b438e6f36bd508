"""The files of a SchNetPack training or of our export: where they lie, and how they come out of a zip; none is read."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.errors import MollensError
from core.files import plain_disk_errors
from core.runs import seen
from core.runs.zips import opened_zip

MODEL_NAMES = ("best_model", "best_inference_model", "best_model.task")
WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
"""A model that Mollens has exported, without a pickle."""
CONFIG, SPLIT = "config.yaml", "split.npz"
_SEEN = (seen.HASHES, seen.CODES)
MOST_MEMBERS = 20_000
MOST_UNPACKED = 4 << 30
"""bytes that the wanted members of a zip may have"""
MOST_RATIO = 200
"""unpacked bytes for each packed one; models hardly shrink at all, text by 20"""
_MOST_LOOKED_AT = 5_000
_BLOCK = 1 << 20
_EVENTS = "events.out.tfevents"  # how TensorBoard's files begin
_WANTED = re.compile(
    r"best_model(\.task)?|best_inference_model|config\.yaml|split\.npz|metrics\.csv|.+\.ckpt|.+\.db"
    r"|events\.out\.tfevents.*|model\.safetensors|model\.json|hashes\.npy|codes\.npy"
)
_EPOCH = re.compile(r"epoch[=_]0*(\d{1,9})")  # an upload has lost its "="


@dataclass(frozen=True)
class ForeignFiles:
    """What was found of a training; None where a file is not there."""

    model: Path
    """best_model, a checkpoint, or the weights of an export, which has its model.json beside them"""
    folder: Path
    """folder of the run, or of the file"""
    config: Path | None = None
    split: Path | None = None
    logs: tuple[Path, ...] = ()
    """metrics.csv, or where there is none TensorBoard's event files; the last version last"""
    seen: Path | None = None
    """folder of what an export says its model has seen"""


def find_files(path: Path) -> ForeignFiles:
    """The files of a SchNetPack run or of an export: of its folder, or those that lie beside its model.

    Links are not followed out of the folder.

    Raises:
        MollensError: if there is no model in it.
    """
    if path.is_dir():
        model = _model_in(path)
        if model is None:
            inside = ", ".join(sorted(each.name for each in path.iterdir())[:6]) or "nothing"
            raise MollensError(
                f"{path}: holds no {MODEL_NAMES[0]}, no checkpoint and no {WEIGHTS} with {DESCRIPTION}, but {inside}; "
                "give the folder of a SchNetPack run or of an export, or its best_model"
            )
        folder = path
    elif path.is_file():
        model = path.with_name(WEIGHTS) if path.name == DESCRIPTION else path
        if model.name == WEIGHTS and not (model.is_file() and (path.parent / DESCRIPTION).is_file()):
            raise MollensError(f"{path}: {WEIGHTS} and {DESCRIPTION} belong together; give the folder with both")
        folder = path.parent.parent if path.parent.name == "checkpoints" else path.parent
    else:
        raise MollensError(f"{path}: not found; give the folder of a SchNetPack run, or its best_model or .ckpt")
    config, split = (_inside(folder, folder / name) for name in (CONFIG, SPLIT))
    below = [found for each in _files_below(folder) if (found := _inside(folder, each))]
    tables = [each for each in below if each.name == "metrics.csv"]
    events = [each for each in below if each.name.startswith(_EVENTS)]
    logs = tuple(sorted(tables or events, key=_version))
    return ForeignFiles(model, folder, config, split, logs, _seen_in(folder))


def _seen_in(folder: Path) -> Path | None:
    """Where the files of seen/ lie: in it, or beside the model where they were uploaded one by one."""
    rooms = (folder / seen.FOLDER, folder)
    return next((room for room in rooms if all(_inside(folder, room / name) for name in _SEEN)), None)


def _model_in(folder: Path) -> Path | None:
    """The weights of an export, else best_model, else the checkpoint of the best epoch, else the last one."""
    if all(_inside(folder, folder / name) for name in (WEIGHTS, DESCRIPTION)):
        return folder / WEIGHTS  # nothing to unpickle
    for name in MODEL_NAMES:
        if found := _inside(folder, folder / name):
            return found
    rooms = [folder / "checkpoints", folder]
    checkpoints = [found for room in rooms for each in sorted(room.glob("*.ckpt")) if (found := _inside(folder, each))]
    named = [each for each in checkpoints if _EPOCH.search(each.name)]
    if named:
        return max(named, key=lambda each: int(_EPOCH.search(each.name)[1]))  # type: ignore[index]
    return checkpoints[0] if checkpoints else None


def _inside(folder: Path, path: Path) -> Path | None:
    """A regular file whose links, if any, stay in the folder."""
    try:
        real = path.resolve(strict=True)
        return path if real.is_relative_to(folder.resolve(strict=True)) and real.is_file() else None
    except (OSError, RuntimeError):
        return None


def _files_below(folder: Path) -> Iterator[Path]:
    """Files of a folder, four levels deep, a bounded number."""
    seen = 0
    for room, folders, names in os.walk(folder):
        depth = len(Path(room).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if depth < 4 else []
        for name in sorted(names):
            seen += 1
            if seen > _MOST_LOOKED_AT:
                return
            yield Path(room) / name


def _version(path: Path) -> tuple[int, str]:
    """Lightning numbers its logs: version_10 comes after version_9."""
    match = re.search(r"version_(\d{1,9})", str(path.parent))
    return (int(match[1]) if match else -1, str(path))


def is_archive(path: Path) -> bool:
    """Whether a file is a zip of a folder; a model of torch is a zip as well, with its pickle in it."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    try:
        with opened_zip(path) as archive:
            names = archive.namelist()[: MOST_MEMBERS + 1]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False
    return not any(name == "data.pkl" or (name.endswith("/data.pkl") and name.count("/") == 1) for name in names)


def unpack(archive: Path, folder: Path, progress: Callable[[int, int], None] | None = None) -> Path:
    """Unpack what a zip of a run folder holds of a SchNetPack training into `folder`, which is made.

    Only models, checkpoints, configuration, split, logs and databases are taken; all else is left in the zip.

    Raises:
        MollensError: for a member with an absolute path, a way upwards or a link, too many or too large ones, or a
            damaged zip; nothing is left then.
    """
    what = archive.name
    with plain_disk_errors(folder):
        folder.mkdir(parents=True)
        try:
            with opened_zip(archive) as packed:
                members = _checked_members(packed, what)
                total, done = sum(member.file_size for member, _ in members), 0
                free = shutil.disk_usage(folder).free
                if total + (200 << 20) > free:
                    raise MollensError(
                        f"{what}: unpacks to {total / 1e6:,.0f} MB; {free / 1e6:,.0f} MB are free on the disk"
                    )
                for member, place in members:
                    target = folder.joinpath(*place)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    written = 0
                    with packed.open(member) as source, open(target, "xb") as file:
                        while block := source.read(_BLOCK):
                            written += len(block)
                            if written > member.file_size:
                                raise MollensError(f"{what}: {member.filename} is larger than it says; refused")
                            file.write(block)
                            done += len(block)
                            if progress is not None:
                                progress(done, total)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError) and not isinstance(error, FileExistsError):
                raise
            raise MollensError(f"{what}: is a damaged zip ({error}); pack the run folder again") from error
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return folder


def _checked_members(packed: zipfile.ZipFile, what: str) -> list[tuple[zipfile.ZipInfo, tuple[str, ...]]]:
    """The wanted members with the parts of their paths, the folder that all lie in left out."""
    entries = packed.infolist()
    if len(entries) > MOST_MEMBERS:
        raise MollensError(f"{what}: holds {len(entries):,} files; a run folder has fewer than {MOST_MEMBERS:,}")
    found: list[tuple[zipfile.ZipInfo, tuple[str, ...]]] = []
    for entry in entries:
        name = entry.filename.replace("\\", "/")
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name) or "\0" in name:
            raise MollensError(f"{what}: holds {name[:100]!r}, which leads out of its folder; refused")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise MollensError(f"{what}: holds a link, {name[:100]!r}; refused, pack the files themselves")
        if not entry.is_dir() and parts and len(parts) <= 8 and _WANTED.fullmatch(parts[-1]):
            found.append((entry, parts))
    total, packed_bytes = sum(e.file_size for e, _ in found), sum(e.compress_size for e, _ in found)
    if total > MOST_UNPACKED or total > MOST_RATIO * (packed_bytes + 1000):
        raise MollensError(
            f"{what}: {packed_bytes:,} bytes that unpack to {total:,}; at most {MOST_UNPACKED:,}, and {MOST_RATIO} "
            "times the packed ones, are unpacked"
        )
    models = [parts for _, parts in found if _is_model(parts[-1])]
    if not models:
        raise MollensError(
            f"{what}: holds no best_model, no checkpoint and no {WEIGHTS}; pack the folder of a SchNetPack run, or of "
            "an export"
        )
    tops = {_top(parts) for parts in models}
    if len(tops) > 1:
        listed = ", ".join("/".join(top) or "." for top in sorted(tops)[:4])
        raise MollensError(f"{what}: holds {len(tops)} runs ({listed}); pack one run folder")
    top = tops.pop()
    return [(entry, parts[len(top) :]) for entry, parts in found if parts[: len(top)] == top]


def _is_model(name: str) -> bool:
    return name in (*MODEL_NAMES, WEIGHTS) or name.endswith(".ckpt")


def _top(model: Sequence[str]) -> tuple[str, ...]:
    """The run folder of a model inside a zip."""
    parents = tuple(model[:-1])
    return parents[:-1] if parents and parents[-1] == "checkpoints" else parents


@dataclass(frozen=True)
class ModelFolder:
    """A model of SchNetPack in one of the folders that the page may read."""

    path: Path
    """folder of the run, or a file"""
    model: str
    """name of the model's file in it"""


def list_models(folders: Sequence[Path], most: int = 200) -> list[ModelFolder]:
    """Folders with a best_model or checkpoints below the given ones, in the order of their paths."""
    found: dict[Path, ModelFolder] = {}
    for root in folders:
        for path in _files_below(root) if root.is_dir() else ():
            if not _is_model(path.name):
                continue
            folder = path.parent.parent if path.parent.name == "checkpoints" else path.parent
            if folder in found or not _inside(root, path):
                continue
            if (model := _model_in(folder)) is not None and len(found) < most:
                found[folder] = ModelFolder(folder, model.name)
    return [found[path] for path in sorted(found)]


def load_command(path: str, name: str, dataset: str, **options: str | None) -> str:
    """The command that loads a model as the page would; options in the names of the command line's."""
    words = ["load-model", path, "--name", name, "--dataset", dataset]
    for key, value in options.items():
        words += [f"--{key.replace('_', '-')}", value] if value else []
    return "python -m core " + shlex.join(words)
