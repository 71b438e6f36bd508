"""The run folder: every path in it, how it is found, made, renamed and thrown away."""

from __future__ import annotations

import re
import secrets
import shutil
import socket
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

from core.errors import MollensError
from core.files import CHECKOUT, home, move_to_trash, new_folder, read_json, utc_now, write_json
from core.runs.ownership import OWNER_LOCK, START_LOCK, run_lock
from core.runs.status import LOST_AFTER, WATCH, Status, read_status, write_status

SHIPPED = CHECKOUT / "models" / "pretrained"
MOST_NOTE = 10_000  # characters
ORIGINS = ("mollens", "schnetpack", "predictions")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")


@dataclass(frozen=True, eq=False)
class Run:
    """One training: a folder whose files say everything about it.

    `error` is a sentence for a run whose files are damaged; then only `id` and `path` can be used.
    """

    path: Path
    shipped: bool = False
    error: str | None = None

    @property
    def id(self) -> str:
        """The folder's name: UTC stamp, slug and four random characters; it never changes."""
        return self.path.name

    @property
    def what(self) -> str:
        """How an error text names it."""
        return f"run {self.id}"

    @cached_property
    def recipe_file(self) -> dict[str, Any]:
        """recipe.json: recipe, dataset, split, target, unit, seed, device and versions."""
        content = read_json(self.path / "recipe.json", self.what)
        _check_fields(content, _RECIPE_FILE, f"{self.what}: {self.path / 'recipe.json'}")
        return content

    @property
    def recipe_values(self) -> dict[str, Any]:
        """The fields of its recipe."""
        return dict(self.recipe_file["recipe"])

    @property
    def dataset_name(self) -> str:
        """Name of the dataset it is trained on."""
        return str(self.recipe_file["dataset"]["name"])

    @property
    def dataset_sha256(self) -> str:
        """Checksum of that dataset when the run was made."""
        return str(self.recipe_file["dataset"]["sha256"])

    @property
    def split_name(self) -> str:
        """Name of the split."""
        return str(self.recipe_file["split"]["name"])

    @property
    def split_hash(self) -> str:
        """Hash of the split: runs with equal hashes have equal test molecules."""
        return str(self.recipe_file["split"]["hash"])

    @property
    def target(self) -> str:
        """Key of the property that is learned."""
        return str(self.recipe_file["target"])

    @property
    def seed(self) -> int:
        """Seed of its random streams."""
        return int(self.recipe_file["seed"])

    @property
    def n_trained(self) -> int:
        """Molecules that it is really trained on: what sampling has left of the split's training part."""
        trained_on = self.recipe_file.get("trained_on")
        n = trained_on.get("n") if isinstance(trained_on, dict) else None
        n = self.recipe_file["split"].get("train", 0) if n is None else n
        return n if isinstance(n, int) else 0

    @property
    def devices(self) -> int:
        """How many devices (on the CPU: processes) share each batch."""
        n = self.recipe_file.get("devices", 1)
        return n if isinstance(n, int) and n > 0 else 1

    @property
    def engine(self) -> str:
        """How its steps are computed: eager, or as a CUDA graph."""
        return str(self.recipe_file.get("engine", "eager"))

    @property
    def logs(self) -> list[str]:
        """Logs for other programs that its job writes beside its own: of "csv" and "tensorboard"."""
        logs = self.recipe_file.get("logs")
        return [log for log in ("csv", "tensorboard") if isinstance(logs, list) and log in logs]

    @cached_property
    def about(self) -> dict[str, Any]:
        """about.json: name, note, origin, created."""
        content = read_json(self.path / "about.json", self.what)
        _check_fields(content, {"name": str}, f"{self.what}: {self.path / 'about.json'}")
        return content

    @property
    def name(self) -> str:
        """Its name, which may be changed; the id where there is none."""
        return str(self.about.get("name") or self.id)

    @property
    def note(self) -> str:
        """What somebody has written about it."""
        return str(self.about.get("note") or "")

    @property
    def origin(self) -> str:
        """Where it comes from: "mollens", "schnetpack" (its model does), or "predictions" (it has no model)."""
        origin = self.about.get("origin")
        return origin if isinstance(origin, str) and origin in ORIGINS else ORIGINS[0]

    @property
    def created(self) -> str:
        """When it was made, UTC ISO-8601."""
        return str(self.about.get("created", ""))

    def status(self) -> Status:
        """Its status; `lost` where the job has fallen silent or its process is gone, `stopping` once asked to stop."""
        path = self.path / "status.json"
        status = read_status(path, self.what)
        if not status.active:
            return status
        # A process that ended on this very machine is known at once; anywhere else only silence tells.
        if status.pid and status.host == socket.gethostname() and not _runs(status.pid):
            again = read_status(path, self.what)  # its last word, or another job's first, may have come meanwhile
            same = (again.pid, again.owner) == (status.pid, status.owner)
            return replace(again, state="lost") if again.active and same else again
        if WATCH.silence(path) > LOST_AFTER:
            return replace(status, state="lost")
        return replace(status, state="stopping") if (self.path / "stop").exists() else status

    @property
    def results(self) -> Path:
        """Where predictions are written: the run's folder, or for a shipped run one in the home laid over it."""
        return home() / "runs" / self.id if self.shipped else self.path


_RECIPE_FILE: dict[str, type] = {
    "recipe": dict, "dataset": dict, "dataset.name": str, "dataset.sha256": str, "split": dict, "split.name": str,
    "split.hash": str, "target": str, "seed": int,
}  # fmt: skip


def _check_fields(content: dict[str, Any], expected: dict[str, type], what: str) -> None:
    """Refuse a file without one of the expected fields ("a.b" for b inside a), or with one of another type."""
    for path, kind in expected.items():
        value: Any = content
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if not isinstance(value, kind):
            found = "is missing" if value is None else f"is {value!r}"
            raise MollensError(f"{what}: {path} {found}; expected {kind.__name__}; the file is damaged, delete the run")


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def runs_folder() -> Path:
    """Where the home keeps runs."""
    return home() / "runs"


def new_run(recipe_file: dict[str, Any], name: str, origin: str = "mollens") -> Run:
    """Make the folder of a run in state created.

    Raises:
        MollensError: for an empty or overlong name, one with control characters, or a full disk.
    """
    name = check_run_name(name)
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "run"
    run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{slug}-{secrets.token_hex(2)}"
    with new_folder(runs_folder() / run_id) as draft:
        write_json(draft / "recipe.json", recipe_file)
        write_json(draft / "about.json", {"name": name, "note": "", "origin": origin, "created": utc_now()})
        write_status(draft / "status.json", Status("created", epochs=int(recipe_file["recipe"].get("epochs", 0))))
    return Run(runs_folder() / run_id)


def check_run_name(name: str) -> str:
    """The name without blanks around it.

    Raises:
        MollensError: for an empty or overlong name, or one with a slash or a control character.
    """
    name = name.strip()
    if not name or len(name) > 80 or "/" in name or ".." in name or not name.isprintable():
        raise MollensError(f"run name {name!r}: not allowed; use 1 to 80 printable characters without '/' and '..'")
    return name


def list_runs() -> list[Run]:
    """All runs, the newest first, the shipped ones last; a damaged run carries its error."""
    own = _folders(runs_folder(), shipped=False)
    return own + _folders(SHIPPED, shipped=True)


def _folders(root: Path, shipped: bool) -> list[Run]:
    if not root.is_dir():
        return []
    found = []
    for path in sorted(root.iterdir(), reverse=not shipped):
        if not path.is_dir() or not _ID.fullmatch(path.name) or path.name.endswith(".part"):
            continue
        if not shipped and (SHIPPED / path.name).is_dir():
            continue  # what was written about a shipped run
        found.append(checked(Run(path, shipped)))
    return found


def checked(run: Run) -> Run:
    """The run as it is, or with a sentence in `error` where its files are damaged."""
    try:
        assert run.recipe_file and run.about
        run.status()
    except MollensError as error:
        return Run(run.path, run.shipped, error=str(error))
    return run


def open_run(id_or_name: str) -> Run:
    """The run with this id, or the only one with this name.

    Raises:
        MollensError: if there is none, several have the name, or its files are damaged.
    """
    if _ID.fullmatch(id_or_name) and ".." not in id_or_name:
        for root, shipped in ((SHIPPED, True), (runs_folder(), False)):
            if (root / id_or_name).is_dir():
                return _sound(checked(Run(root / id_or_name, shipped)))
    named = [run for run in list_runs() if run.error is None and run.name == id_or_name]
    if len(named) > 1:
        raise MollensError(
            f"run {id_or_name!r}: {len(named)} runs have this name; use an id: {', '.join(r.id for r in named)}"
        )
    if not named:
        raise MollensError(f"run {id_or_name!r}: not found; `python -m core runs` lists what is there")
    return named[0]


def _sound(run: Run) -> Run:
    if run.error is not None:
        raise MollensError(run.error)
    return run


def rename_run(run: Run, name: str) -> Run:
    """Give a run another name.

    Raises:
        MollensError: for a shipped run or a name that is not allowed.
    """
    return _changed_about(run, "renamed", name=check_run_name(name))


def set_note(run: Run, text: str) -> Run:
    """Write a note about a run, in place of the one before; an empty one takes it away.

    Raises:
        MollensError: for a shipped run, or a note of more than 10,000 characters.
    """
    text = "\n".join(line.rstrip() for line in text.strip().splitlines())
    if len(text) > MOST_NOTE:
        raise MollensError(f"{run.what}: a note of {len(text):,} characters; it may have {MOST_NOTE:,}")
    return _changed_about(run, "given a note", note=text)


def _changed_about(run: Run, verb: str, **changes: str) -> Run:
    _own(run, verb)
    with run_lock(run.path, ".about.lock"):
        about = read_json(run.path / "about.json", run.what)
        write_json(run.path / "about.json", about | changes)
    return Run(run.path)


def clone_recipe(run: Run) -> dict[str, Any]:
    """What a new run starts from that repeats this one: keys recipe, dataset, split, device,
    devices, logs and engine."""
    return {
        "recipe": run.recipe_values,
        "dataset": run.dataset_name,
        "split": run.split_name,
        "device": str(run.recipe_file.get("device", "auto")),
        "devices": run.devices,
        "logs": run.logs,
        "engine": run.engine,
    }


def delete_run(run: Run) -> Path:
    """Move a run to the trash and return where it lies now; `restore_run` of that folder's name brings it back.

    Raises:
        MollensError: for a shipped run, one whose job is at work, or one that is gone already.
    """
    _own(run, "deleted")
    # Neither may a job start while the folder moves, nor one be in the midst of a write.
    with run_lock(run.path, START_LOCK), run_lock(run.path, OWNER_LOCK):
        if run.error is None and run.status().active:
            raise MollensError(f"{run.what}: is {run.status().state}; stop it before deleting it")
        return move_to_trash(run.path)


def _own(run: Run, verb: str) -> None:
    if run.shipped:
        raise MollensError(f"{run.what}: ships with Mollens and cannot be {verb}")


def copy_run(run: Run, folder: Path) -> None:
    """Copy a finished run's folder, without its checkpoint and log, to `folder`."""
    with new_folder(folder) as draft:
        shutil.copytree(
            run.path, draft, dirs_exist_ok=True, ignore=shutil.ignore_patterns("last.ckpt", "log.txt", "stop", ".*")
        )
