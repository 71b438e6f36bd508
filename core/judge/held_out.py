"""The molecules that a run has not seen, with its errors on them: the only source of every judgement."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.data.identity import open_identities
from core.data.properties import Property
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.grouping.groups import cells_of
from core.judge.statistics.cell_sums import digest
from core.judge.statistics.resampling import Resamples, resample, seed_of
from core.judge.why_not import NOT_STATED as NOT_STATED
from core.judge.why_not import level_of as level_of
from core.judge.why_not import why_no_labels, why_no_predictions, why_none
from core.runs.folder import Run
from core.runs.predictions import NONE, TEST, TRAIN, VALIDATION, Predictions, read_about, read_predictions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PARTS = {"validation": VALIDATION, "test": TEST}
"""Parts of a split that may be judged, with their code in the predictions; training molecules never may."""
MEASURES = ("mae", "rmse", "mse", "median", "p95", "bias", "max")
PER = ("molecule", "atom")


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Errors of one run on molecules that it was not trained on."""

    run: Run
    dataset: Dataset
    target: Property
    part: str
    """"test" or "validation" """
    rows: Ints
    """(n,) rows in the dataset, ascending by id"""
    ids: Ints
    """(n,)"""
    target_values: Floats
    """(n,) in the target's unit"""
    predicted: Floats
    """(n,)"""
    baseline: Floats
    """(n,) linear in composition, fitted on the training molecules"""
    train_rows: Ints
    """(n_train,) rows of the molecules that the run was trained on"""
    all_rows: Ints
    """(n_all,) rows of all molecules of the split: training, validation and test, and those of them left unused"""
    seen_rows: Ints
    """(n_seen,) rows that may not be judged on: of training molecules, and for the test also of validation molecules"""

    @property
    def elsewhere(self) -> bool:
        """Whether it was trained on another dataset; `train_rows` are then what is here of its training molecules."""
        return self.run.dataset_name != self.dataset.name

    @property
    def error(self) -> Floats:
        """(n,) predicted minus target."""
        return self.predicted - self.target_values

    @property
    def baseline_error(self) -> Floats:
        """(n,) baseline minus target."""
        return self.baseline - self.target_values

    @cached_property
    def resamples(self) -> Resamples:
        """Bootstrap sums of `quantities` of the error, then of the error per atom, by cells of size and elements."""
        of_cell = np.unique(cells_of(self.dataset.molecules).of[self.rows], return_inverse=True)[1]
        values = np.concatenate([quantities(self.error), quantities(self.error / self.sizes)])
        return resample(values, of_cell.astype(np.int64), seed_of(self.ids))

    @cached_property
    def names(self) -> tuple[bytes, bytes]:
        """Of the error and of the baseline's error: equal for equal ones."""
        return digest(self.error), digest(self.baseline_error)

    @property
    def sizes(self) -> Ints:
        """(n,) atoms of each molecule, hydrogens included."""
        return self.dataset.molecules.sizes[self.rows]


def quantities(error: Floats) -> Floats:
    """(3, n) what is averaged over molecules: |error|, error squared, error (n,)."""
    return np.stack([np.abs(error), error**2, error])


def unit_per(unit: str, per: str) -> str:
    """Unit of an error per molecule or per atom: eV, eV/atom."""
    return f"{unit}/atom" if per == "atom" else unit


def held_out(run: Run, dataset: Dataset, part: str = "test", only: Ints | None = None) -> HeldOut:
    """The held-out molecules of a run with its predictions, of any dataset that there are predictions for.

    Of a dataset that the run was not trained on, its test molecules are all those with a label that it has not seen in
    training or validation, and its validation molecules are copies of what it was validated on.

    only: ids to stay within, e.g. those that other runs have not seen either; see `shared_held_out`. Of a run whose
    split is not known all molecules are taken: its errors may be optimistic, see `split_known`.

    Raises:
        MollensError: for a part other than test or validation, changed data, no predictions, no labels (or labels of
            another level of theory, which are none for this run), predictions that are not numbers, and an empty part.
    """
    if part not in PARTS:
        raise MollensError(
            f"run {run.name}: errors on {part!r} molecules are not measured, only on those held out: test or validation"
        )
    stored = _stored(run, dataset)
    codes = np.asarray(stored.split)
    of_part, known = codes == PARTS[part], split_known(run, dataset)
    if part == "test" and not known:
        of_part |= codes == NONE
    labelled = np.isfinite(stored.target)
    if not labelled.any():
        raise MollensError(f"run {run.name}: {why_no_labels(run, dataset)}")
    chosen = of_part & labelled
    if only is not None:
        chosen = chosen & np.isin(stored.ids, only)
    if not chosen.any():
        raise MollensError(f"run {run.name}: {why_none(run, dataset, part)}")
    ids = np.asarray(stored.ids)[chosen]
    order = np.argsort(ids, kind="stable")
    stored_values = (stored.target, stored.predicted, stored.baseline)
    values = [np.asarray(column, dtype=np.float64)[chosen][order] for column in stored_values]
    bad = int((~np.isfinite(values[1])).sum())
    if bad:
        raise MollensError(
            f"run {run.name}: {bad:,} of {len(ids):,} predictions for {part} molecules are not numbers; the training "
            "diverged; train again with a lower learning rate"
        )
    rows = dataset.molecules.rows_of(np.asarray(stored.ids))
    return HeldOut(
        run=run,
        dataset=dataset,
        target=dataset.property(run.target),
        part=part,
        rows=rows[chosen][order],
        ids=ids[order],
        target_values=values[0],
        predicted=values[1],
        baseline=values[2],
        train_rows=rows[codes == TRAIN],
        all_rows=rows[codes != NONE] if known else rows,
        seen_rows=rows[codes < PARTS[part]],
    )


def _stored(run: Run, dataset: Dataset) -> Predictions:
    """The predictions of a run for exactly this data."""
    if dataset.name == run.dataset_name:
        check_dataset(run, dataset)
    about = read_about(run, dataset.name)
    stored = read_predictions(run, dataset.name)
    if about is None or stored is None:
        raise MollensError(f"run {run.name}: {why_no_predictions(run, dataset)}")
    made_for = str(about.get("dataset_sha256", ""))
    if made_for != dataset.card.sha256:
        raise MollensError(
            f"run {run.name}: dataset {dataset.name} has changed since it was predicted (checksum "
            f"{dataset.card.sha256[:8]}, then {made_for[:8]}); predict it again with: "
            f"python -m core predict {run.name} --dataset {dataset.name}"
        )
    return stored


def split_known(run: Run, dataset: Dataset | None = None) -> bool:
    """Whether it is known which molecules the run has seen; of a model from elsewhere it may not be.

    recipe.json then has an empty hash of the split, or `"known": false` in it. Of a dataset it must be known besides
    which of its molecules these are: by the split, or recognised by geometry when it was predicted. Where it is not
    known, errors may be optimistic, and nothing is said to be better.
    """
    known = bool(run.recipe_file["split"].get("known", bool(run.split_hash)))
    if not known or dataset is None:
        return known
    about = read_about(run, dataset.name)
    return about is None or about["codes"] != "unknown"


def optimistic(runs: Sequence[Run], dataset: Dataset) -> list[str]:
    """What must stand beside errors of runs of which it is not known what they have seen, a sentence each."""
    return [
        f"It is not known which molecules {run.name} was trained on, so its errors may be optimistic."
        for run in runs
        if not split_known(run, dataset)
    ]


def shared_held_out(runs: list[Run], dataset: Dataset, part: str = "test") -> Ints:
    """Ids (n,) that are in this part for every run and that none of them saw in training or validation.

    For `part="validation"` they are seen by none in training. Of several runs, copies of what one of them saw are left
    out too, as in `core.judge.comparing.pairing.pair_up`.

    Raises:
        MollensError: if nothing is left, or as `held_out`.
    """
    sources = [held_out(run, dataset, part) for run in runs]
    ids = common_ids(sources)
    if len(ids) == 0:
        names = ", ".join(run.name for run in runs) or "none"
        raise MollensError(
            f"runs {names}: have no {part} molecule in common; compare runs that were trained on the same split"
        )
    return ids


def common_ids(sources: Sequence[HeldOut]) -> Ints:
    """Ids (n,) that are held out by all of these, ascending; of several, without copies of what any of them has seen.

    The same atoms in the same geometry are the same molecule (`core.data.identity`), under whatever id.
    """
    if not sources:
        return np.zeros(0, dtype=np.int64)
    ids = sources[0].ids
    for source in sources[1:]:
        ids = np.intersect1d(ids, source.ids, assume_unique=True)
    if len(sources) == 1:
        return ids
    dataset = sources[0].dataset
    groups, seen = open_identities(dataset), np.zeros(dataset.molecules.n_molecules, dtype=bool)
    for source in sources:
        seen[groups[source.seen_rows]] = True
    return ids[~seen[groups[dataset.molecules.rows_of(ids)]]]


def check_dataset(run: Run, dataset: Dataset) -> None:
    """Refuse a dataset that is not the one a run was trained on.

    Raises:
        MollensError: if the run was trained on data of another name or content.
    """
    if run.dataset_name != dataset.name:
        raise MollensError(
            f"run {run.name}: was trained on dataset {run.dataset_name}, not on {dataset.name}; what it recorded "
            f"during training exists for {run.dataset_name} only"
        )
    if run.dataset_sha256 != dataset.card.sha256:
        raise MollensError(
            f"run {run.name}: dataset {dataset.name} has changed since the training (checksum "
            f"{dataset.card.sha256[:8]}, then {run.dataset_sha256[:8]}); restore that data, or train again"
        )
