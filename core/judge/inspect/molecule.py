"""One molecule in every run and seed: its errors, its place among those of its size, its error over the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.store import Dataset
from core.errors import MollensError
from core.judge.inspect.bench import HELD, Bench, BenchRun, open_bench
from core.judge.inspect.paired_orders import robust_spread
from core.judge.statistics.intervals import N_POINTS_ONLY
from core.runs.folder import Run
from core.runs.validation import read_validation

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_BINS = 41
WORDS = {
    "training": "training residual",
    "validation": "validation error",
    "test": "test error",
    "not trained on": "error, left out by sampling",
    "not known": "error, perhaps trained on",
}
"""What a residual is called, by what the molecule was to the run."""


@dataclass(frozen=True)
class PlaceInSize:
    """Where |error| stands among the molecules of the same size that were the same to the run."""

    rank: int
    """1 for the worst"""
    n: int
    share: float
    """of the others that are predicted better"""
    mae: float
    spread: float | None
    """robust standard deviation of their signed errors (1.4826 times the median absolute deviation); None below 10"""
    times_spread: float | None
    """|error| over that spread"""
    times_mae: float | None
    """|error| over their mean absolute error; None below 10"""


@dataclass(frozen=True, eq=False)
class RunError:
    """What one run says about the molecule; energies in the target's unit, None where there is nothing."""

    id: str
    name: str
    recipe: int
    """number in `MoleculeErrors.recipes`"""
    seed: int
    code: str
    """training, validation, test, not trained on, not known, in no part"""
    called: str
    """what the residual is called: "test error", "training residual", ... """
    predicted: float | None
    baseline: float | None
    error: float | None
    """predicted minus target"""
    baseline_error: float | None
    place: PlaceInSize | None
    epochs: tuple[int, ...]
    """recorded epochs where it is a validation molecule, else none"""
    over_epochs: tuple[float, ...]
    """its error after each"""


@dataclass(frozen=True)
class RecipeError:
    """The runs of one recipe that stand to the molecule as the first run does: hold it out, or were trained on it."""

    name: str
    n_runs: int
    """of the recipe, however they stand to it"""
    n: int
    """that stand to it as the first run does"""
    mean: float | None
    """mean error of these"""
    spread: float | None
    """standard deviation between these (n - 1); None below 2"""
    same_side: bool
    """whether all of these err to the same side"""
    mae: float
    """mean absolute error of the recipe's runs over all their held-out molecules"""


@dataclass(frozen=True, eq=False)
class MoleculeErrors:
    """One molecule in every run."""

    id: int
    row: int
    size: int
    formula: str
    smiles: str
    target_key: str
    unit: str
    target: float | None
    """its label, in the target's unit"""
    runs: tuple[RunError, ...]
    """the run that is looked at first"""
    recipes: tuple[RecipeError, ...]
    edges: Floats
    """(N_BINS + 1,) of the signed errors of the first run's molecules of its size, symmetric about 0"""
    counts: Ints
    """(N_BINS,)"""


def molecule_errors(runs: Sequence[Run], dataset: Dataset, molecule: int) -> MoleculeErrors:
    """The errors of the molecule with this id in all of the runs; the first is the one that is looked at.

    Raises:
        MollensError: for an unknown id, one that the first run has not predicted, or as `open_bench`.
    """
    bench = open_bench(runs, dataset)
    return errors_on(bench, bench.row_of(molecule))


def errors_on(bench: Bench, row: int) -> MoleculeErrors:
    """As `molecule_errors`, for a row of the dataset on a bench that is open.

    Raises:
        MollensError: if the first run has not predicted it.
    """
    molecules, first = bench.dataset.molecules, bench.first
    if first.place[row] < 0:
        raise MollensError(
            f"molecule {molecules.ids[row]}: run {first.run.name} has not predicted it; it has no {bench.target.label}"
        )
    edges, counts = _of_its_size(first, row)
    label = next((float(r.target[row]) for r in bench.runs if np.isfinite(r.target[row])), None)
    return MoleculeErrors(
        id=int(molecules.ids[row]),
        row=row,
        size=int(molecules.sizes[row]),
        formula=molecules.formula(row),
        smiles=molecules.smiles_of(row),
        target_key=bench.target.key,
        unit=bench.target.unit,
        target=label,
        runs=tuple(_run_error(run, row) for run in bench.runs),
        recipes=tuple(recipe_error(bench, k, row) for k in range(len(bench.recipes))),
        edges=edges,
        counts=counts,
    )


def recipe_error(bench: Bench, group: int, row: int) -> RecipeError:
    """What the runs of one recipe that stand to the molecule as the first one does say together."""
    runs = bench.of_recipe(group)
    errors = np.array([run.error[row] for run in bench.alike(row, group)])
    return RecipeError(
        name=bench.recipes[group],
        n_runs=len(runs),
        n=len(errors),
        mean=float(errors.mean()) if len(errors) else None,
        spread=float(errors.std(ddof=1)) if len(errors) > 1 else None,
        same_side=len(errors) > 0 and bool((errors > 0).all() or (errors < 0).all()),
        mae=float(np.mean([run.mae for run in runs])),
    )


def _run_error(run: BenchRun, row: int) -> RunError:
    code = run.code(row)
    epochs, over = _over_epochs(run, row) if code == "validation" else ((), ())
    return RunError(
        id=run.run.id,
        name=run.run.name,
        recipe=run.group,
        seed=run.run.seed,
        code=code,
        called=WORDS.get(code, "residual"),
        predicted=_number(run.predicted[row]),
        baseline=_number(run.baseline[row]),
        error=_number(run.error[row]),
        baseline_error=_number(run.baseline[row] - run.target[row]),
        place=place_in_size(run, row),
        epochs=epochs,
        over_epochs=over,
    )


def place_in_size(run: BenchRun, row: int) -> PlaceInSize | None:
    """Where the molecule stands among those of its size that were the same to the run; None without an error."""
    off = float(run.error[row])
    if not np.isfinite(off):
        return None
    others = _like(run, row)
    sizes = np.abs(others)
    mae, spread = float(sizes.mean()), None
    if len(others) >= N_POINTS_ONLY:
        spread = robust_spread(others) or None
    worse = int((sizes > abs(off)).sum())
    return PlaceInSize(
        rank=worse + 1,
        n=len(others),
        share=float((sizes < abs(off)).sum() / max(len(others) - 1, 1)),
        mae=mae,
        spread=spread,
        times_spread=abs(off) / spread if spread else None,
        times_mae=abs(off) / mae if spread is not None and mae > 0 else None,
    )


def _like(run: BenchRun, row: int) -> Floats:
    """Signed errors of the molecules of its size that were the same to the run."""
    sizes = run.source.dataset.molecules.sizes
    alike = (sizes == sizes[row]) & (run.codes == run.codes[row]) & np.isfinite(run.error)
    return run.error[alike]


def _of_its_size(run: BenchRun, row: int) -> tuple[Floats, Ints]:
    errors = _like(run, row) if np.isfinite(run.error[row]) else np.zeros(0)
    reach = float(np.abs(errors).max(initial=0.0)) * 1.05 or 1.0
    counts, edges = np.histogram(errors, bins=N_BINS, range=(-reach, reach))
    return edges, counts


def _over_epochs(run: BenchRun, row: int) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Epochs and errors of a validation molecule; none where nothing was recorded or another dataset is looked at."""
    if run.source.elsewhere:
        return (), ()
    try:
        stored = read_validation(run.run)
    except MollensError:
        return (), ()
    if stored is None:
        return (), ()
    found = np.flatnonzero(stored.ids == run.source.dataset.molecules.ids[row])
    if not len(found):
        return (), ()
    column = np.asarray(stored.errors[:, int(found[0])], dtype=np.float64)
    known = np.isfinite(column)  # a training that diverged has epochs without numbers
    return tuple(int(e) for e in stored.epochs[known]), tuple(float(v) for v in column[known])


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def is_error(code: str) -> bool:
    """Whether a residual may be called an error: the molecule was held out."""
    return code in HELD
