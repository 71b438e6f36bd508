"""Trains the runs that ship with the project and puts them into models/pretrained/.

    python tools/ship_runs.py --work .mollens/shipping --workers 2

Each run has a home of its own in the work folder, so that two can train side by side; what is finished there is not
trained again, what was interrupted goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.data.store import open_dataset  # noqa: E402
from core.files import read_json, write_bytes, write_json  # noqa: E402
from core.judge.errors import report  # noqa: E402
from core.runs.folder import SHIPPED, Run, copy_run, open_run  # noqa: E402


@dataclass(frozen=True)
class Shipment:
    """One run to ship."""

    recipe: str
    title: str
    seed: int | None = None

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.title if self.seed is None else f"{self.title}, seed {self.seed}"

    @property
    def folder(self) -> str:
        """Name of its home in the work folder."""
        return self.recipe if self.seed is None else f"{self.recipe}-{self.seed}"

    def words(self) -> list[str]:
        """The command that makes it, after `python -m core`."""
        seed = [] if self.seed is None else ["--set", f"seed={self.seed}"]
        return ["train", "--recipe", self.recipe, "--dataset", "demo", *seed, "--device", "cpu", "--name", self.name]


SHIPMENTS = [
    Shipment("composition", "Composition"),
    *(Shipment("schnet-small", "SchNet small", seed) for seed in (1, 2, 3)),
    *(Shipment("painn-small", "PaiNN small", seed) for seed in (1, 2, 3)),
]


def train(shipment: Shipment, work: Path) -> Path:
    """Train one run, or go on with it, in a home of its own; gives that home."""
    home = work / shipment.folder
    environment = {**os.environ, "MOLLENS_HOME": str(home), "OMP_NUM_THREADS": "1"}
    core = [sys.executable, "-m", "core"]
    listed = subprocess.run([*core, "runs", "--json"], cwd=ROOT, env=environment, capture_output=True, check=True)
    states = {row["name"]: row["state"] for row in json.loads(listed.stdout)["runs"] if not row["shipped"]}
    words = ["resume", shipment.name] if shipment.name in states else shipment.words()
    if states.get(shipment.name) != "finished":
        print(shipment.name, "...", flush=True)
        subprocess.run([*core, *words], cwd=ROOT, env=environment, check=True)
    return home


def ship(shipment: Shipment, home: Path) -> str:
    """Put a finished run into models/pretrained/ in place of an older one of its name; gives its test MAE in words."""
    os.environ["MOLLENS_HOME"] = str(home)
    run = next(r for r in (Run(path) for path in (home / "runs").iterdir()) if r.name == shipment.name)
    for old in SHIPPED.iterdir() if SHIPPED.is_dir() else ():
        if old.is_dir() and Run(old).name == shipment.name:
            shutil.rmtree(old)
    folder = SHIPPED / run.id
    copy_run(run, folder)
    told = report(run, open_dataset("demo"))
    words = f"python -m core {shlex.join(shipment.words())}"
    about = read_json(folder / "about.json", run.what)
    write_json(folder / "about.json", about | {"origin": "shipped", "command": words})
    status = read_json(folder / "status.json", run.what)
    write_json(folder / "status.json", status | {"pid": 0, "host": "", "owner": ""})
    shipped = open_run(run.id)
    error = f"{1000 * told['mae']:.1f} meV"
    card = f"""# {run.name}

A finished run of the recipe `{shipment.recipe}` on the dataset `demo` (GFN2-xTB energies; not QM9).

Made by

    {words}

Test MAE {error}, RMSE {1000 * told["rmse"]:.1f} meV over {told["n"]:,} test molecules of the split
`{told["split"]}`; the linear fit of the atom counts has {1000 * told["baseline_mae"]:.1f} meV.
It has seen minima of molecules of H, C, N, O and F with at most nine heavy atoms and is good for nothing else. Errors
on `demo` are not to be put beside errors on QM9 or any other level of theory.
Versions: {", ".join(f"{k} {v}" for k, v in shipped.recipe_file["versions"].items())}.
"""
    write_bytes(folder / "card.md", card.encode())
    return error


def main() -> None:
    """Train what is not yet trained, then ship all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=ROOT / ".mollens" / "shipping")
    parser.add_argument("--workers", type=int, default=2, help="runs trained side by side, a thread each")
    options = parser.parse_args()
    work = options.work.absolute()
    with ThreadPoolExecutor(options.workers) as pool:
        homes = list(pool.map(lambda shipment: train(shipment, work), SHIPMENTS))
    for shipment, home in zip(SHIPMENTS, homes, strict=True):
        print(f"{shipment.name}: test MAE {ship(shipment, home)}")


if __name__ == "__main__":
    main()
