"""Makes the demo dataset: grow graphs -> embed and relax -> label -> write. Resumable and seeded.

    python tools/make_demo.py --out core/data/embedded --work .mollens/demo-work --count 13000 \\
        --seed 20261121 --workers 2

Needs tools/requirements.txt in an environment of its own. Ctrl-C or a kill loses at most the chunks in
progress; the same command continues.
"""

import argparse
import multiprocessing
import os
import platform
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from demo.grow import grow_graphs
from demo.relax import free_atom_energies, make_record
from demo.work import Record, read_chunk, read_graphs, write_chunk, write_graphs
from demo.write import check_arrays, describe, pack_arrays, read_arrays, write_dataset
from tqdm import tqdm

CHUNK_SIZE = 40


def main() -> int:
    """Run all steps; 0 when the dataset was written, 130 when interrupted."""
    options = _parse_arguments()
    versions = {name: version(name) for name in ("rdkit", "tblite", "ase", "numpy")}
    versions["python"] = platform.python_version()
    try:
        smiles = load_or_grow(options.work, options.count, options.seed, versions)
        records = relax_all(smiles, options.work / "chunks", options.seed, options.workers)
    except KeyboardInterrupt:
        print("\nInterrupted. The same command continues with the finished chunks.", file=sys.stderr)
        return 130
    atomic_energies = free_atom_energies()
    kept = [record for record in records if "dropped" not in record]
    if not kept:
        print("No molecule survived; nothing was written.", file=sys.stderr)
        return 1
    source = {
        "made_by": "tools/make_demo.py",
        "seed": options.seed,
        "count_requested": options.count,
        "versions": versions,
        "command": f"python tools/make_demo.py --count {options.count} --seed {options.seed}",
    }
    write_dataset(options.out, pack_arrays(kept, atomic_energies), atomic_energies, source)
    written = options.out / "demo.npz.xz"
    arrays = read_arrays(written)
    check_arrays(arrays)
    print(describe(arrays))
    print("dropped:", dict(count_dropped(records)))
    print(f"{written}: {written.stat().st_size / 1e6:.2f} MB")
    return 0


def load_or_grow(work: Path, count: int, seed: int, versions: dict[str, str]) -> list[str]:
    """The graphs of this request as SMILES: read from the work folder, or grown and kept there."""
    request: dict[str, object] = {"count": count, "seed": seed, "versions": versions}
    path = work / "graphs.json"
    smiles = read_graphs(path, request)
    if smiles is None:
        work.mkdir(parents=True, exist_ok=True)
        with tqdm(total=count, desc="grow", unit="graph") as bar:
            smiles = grow_graphs(count, seed, report=lambda accepted: bar.update(accepted - bar.n))
        write_graphs(path, request, smiles)
    return smiles


def relax_all(smiles: list[str], folder: Path, seed: int, workers: int) -> list[Record]:
    """Relax and label every graph, chunk by chunk; finished chunks are read, not computed again."""
    folder.mkdir(parents=True, exist_ok=True)
    chunks = [smiles[start : start + CHUNK_SIZE] for start in range(0, len(smiles), CHUNK_SIZE)]
    paths = [folder / f"chunk_{index:05d}.json" for index in range(len(chunks))]
    finished = {i: read_chunk(path, chunk) for i, (path, chunk) in enumerate(zip(paths, chunks, strict=True))}
    records = [record for done in finished.values() if done for record in done]
    todo = [(str(paths[i]), chunks[i], seed) for i, done in finished.items() if done is None]
    with tqdm(total=len(smiles), initial=len(records), desc="relax", unit="molecule") as bar:
        for new in _run_chunks(todo, workers):
            records += new
            dropped = count_dropped(records)
            bar.set_postfix({"kept": len(records) - dropped.total(), **dropped}, refresh=False)
            bar.update(len(new))
    return records


def count_dropped(records: list[Record]) -> Counter[str]:
    """How many records were dropped, by reason."""
    return Counter(str(record["dropped"]) for record in records if "dropped" in record)


def _run_chunks(todo: list[tuple[str, list[str], int]], workers: int) -> Iterator[list[Record]]:
    if not todo:
        return
    # A spawned worker loads its libraries anew and reads this: the processes are the parallelism.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    with multiprocessing.get_context("spawn").Pool(workers, initializer=_ignore_interrupt) as pool:
        yield from pool.imap_unordered(_make_chunk, todo)


def _make_chunk(task: tuple[str, list[str], int]) -> list[Record]:
    path, smiles, seed = task
    records = [make_record(one, seed) for one in smiles]
    write_chunk(Path(path), records)
    return records


def _ignore_interrupt() -> None:
    """Ctrl-C reaches the whole group; only the parent answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Makes the demo dataset of GFN2-xTB molecules.")
    parser.add_argument("--out", type=Path, default=Path("core/data/embedded"), help="where the dataset goes")
    parser.add_argument("--work", type=Path, default=Path(".mollens/demo-work"), help="folder to resume from")
    parser.add_argument("--count", type=int, default=13_000, help="graphs to grow")
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
