"""Getting data in and out: QM9's archive at full size, ASE databases, exports; what others take stands beside it.

The archive of 133,885 molecules is made of the 16,882 real ones, repeated with new ids. Every timed call runs in a
process of its own, held to one core, so that its peak memory is its own; things that are compared take turns. Seconds
are those of the core, not of the clock, so that other work on the machine does not count.
"""

from __future__ import annotations

import bz2
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.timing import archive, median_seconds
from core.data.importers import import_file
from core.data.importers.archives import read_members
from core.data.store import delete_dataset, open_dataset
from core.files import CHECKOUT

N_MOLECULES = 133_885
N_BY_ASE = 4_000
"""members that ASE's reader gets; extrapolated to all of them"""
TIMES = 3
EXPORTS = (".extxyz", ".extxyz.gz", ".csv", ".npz", ".db")

_START = """
import os, sys, time, bz2, json, numpy as np
from pathlib import Path
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); os.environ["POLARS_MAX_THREADS"] = "1"
path = Path(sys.argv[1])
"""
_END = """
seconds = time.process_time() - start
# not ru_maxrss, which a process takes over from the one that started it
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps([seconds, int(peak.split()[1]) / 1024]))
"""
BARE = """
start = time.process_time()
with bz2.open(path) as file:
    while file.read(1 << 22): pass
"""
IMPORT = """
from core.data.importers import import_file
from core.data.store import delete_dataset
start = time.process_time()
import_file(path, "timed")
"""
FORGET = """
delete_dataset("timed")
"""
ASE_DB = """
from ase.db import connect
start = time.process_time()
with connect(path) as database:
    rows = [(row.numbers, row.positions, row.data["energy_U0"]) for row in database.select()]
"""
EXPORT = """
from core.data.exporters import export
from core.data.store import open_dataset
dataset = open_dataset("many")
start = time.process_time()
export(dataset, np.arange(dataset.molecules.n_molecules), path)
"""


def measure() -> dict[str, Any]:
    """Seconds and peak memory of imports and exports, and milliseconds to open what was imported."""
    with tempfile.TemporaryDirectory() as folder:
        many = replicate(archive(), Path(folder) / "many.tar.bz2")
        import_file(many, "many")
        import_file(archive(), "qm9")
        database = Path(folder) / "real.db"
        _timed(EXPORT.replace('"many"', '"qm9"'), database)
        figures: dict[str, Any] = {"molecules": N_MOLECULES, "real molecules": 16_882}
        bare, whole = _alternate((BARE, many), (IMPORT, many))
        figures |= {
            "import of tar.bz2, s": whole[0],
            "bare bz2, s": bare[0],
            "limit of 1.2 x bare bz2 + 4 s, s": round(1.2 * bare[0] + 4, 2),
            "import, peak MB": whole[1],
            f"ASE's reader, s (extrapolated from {N_BY_ASE:,} molecules)": round(bare[0] + _by_ase(many), 1),
        }
        ours, theirs = _alternate((IMPORT, database), (ASE_DB, database))
        figures |= {"import of a database of 16,882, s": ours[0], "rows of ase.db.select, s": theirs[0]}
        for suffix in EXPORTS:
            runs = [_timed(EXPORT, Path(folder) / f"many{suffix}") for _ in range(TIMES)]
            figures[f"export {suffix}, s"] = round(statistics.median(run[0] for run in runs), 2)
            figures[f"export {suffix}, peak MB"] = round(max(run[1] for run in runs))
        figures |= _as_before()
    return figures


def replicate(source: Path, path: Path) -> Path:
    """An archive of N_MOLECULES, those of `source` again and again with ids of their own."""
    texts = [text for _, text in read_members(source, 1 << 20, lambda done, total: None)]
    with tarfile.open(path, "w:bz2") as tar:
        for k in range(N_MOLECULES):
            count, _, rest = texts[k % len(texts)].partition(b"\n")
            text = b"%s\ngdb %d\t%s" % (count, k + 1, rest.partition(b"\t")[2])
            member = tarfile.TarInfo(f"dsgdb9nsd_{k + 1:06d}.xyz")
            member.size = len(text)
            tar.addfile(member, BytesIO(text))
    return path


def _timed(script: str, path: Path) -> tuple[float, float]:
    """Seconds and peak MB of a script in a process of its own."""
    end = _END + (FORGET if '"timed"' in script else "")
    words = [sys.executable, "-c", _START + script + end, str(path)]
    done = subprocess.run(words, cwd=CHECKOUT, env={**os.environ}, capture_output=True, text=True, check=True)
    seconds, peak = json.loads(done.stdout)
    return seconds, peak


def _alternate(*scripts: tuple[str, Path]) -> list[tuple[float, int]]:
    """Median seconds and largest peak MB of each script, run in turns."""
    runs = [[_timed(*script) for script in scripts] for _ in range(TIMES)]
    return [
        (round(statistics.median(run[0] for run in column), 2), round(max(run[1] for run in column)))
        for column in zip(*runs, strict=True)
    ]


def _by_ase(path: Path) -> float:
    """Seconds that ASE's reader would take for all texts of the archive, from the first N_BY_ASE.

    It is given symbols and positions only; id and properties are then still to be taken from the second line.
    """
    from io import StringIO

    from ase.io import read

    members = [text for _, text in islice(read_members(path, 1 << 20, lambda done, total: None), N_BY_ASE)]
    texts = [text.replace(b"*^", b"e").decode() for text in members]

    def read_all() -> None:
        for text in texts:
            lines = text.split("\n")
            n = int(lines[0])
            atoms = "\n".join("\t".join(line.split()[:4]) for line in lines[2 : n + 2])
            read(StringIO(f"{n}\n{lines[1]}\n{atoms}\n"), format="extxyz")

    start = time.process_time()
    read_all()
    return (time.process_time() - start) * N_MOLECULES / N_BY_ASE


def _as_before() -> dict[str, Any]:
    """Import of the real archive beside its bare decompression, and opening what was imported."""
    source = archive()

    def import_once() -> None:
        import_file(source, "once")
        delete_dataset("once")

    decompress: Callable[[], object] = lambda: bz2.decompress(source.read_bytes())  # noqa: E731
    bare, whole = median_seconds(decompress), median_seconds(import_once)
    return {
        "import, s": round(whole, 2),
        "bare bz2 of it, s": round(bare, 2),
        "import over bare bz2": round(whole / bare, 2),
        "open, ms": round(1000 * median_seconds(lambda: open_dataset("qm9"), 20), 2),
        "open the large one, ms": round(1000 * median_seconds(lambda: open_dataset("many"), 20), 2),
    }
