"""The molecules that a run has not seen, with its errors on them: the only source of every judgement."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.data.card import read_card
from core.data.embedded import EMBEDDED
from core.data.identity import open_identities
from core.data.properties import Property
from core.data.store import Dataset, dataset_folder
from core.errors import MollensError
from core.files import read_json
from core.judge.groups import cells_of
from core.judge.resampling import Resamples, resample, seed_of
from core.runs.folder import Run
from core.runs.predictions import NONE, TEST, TRAIN, VALIDATION, Predictions, read_about, read_predictions
from core.runs.status import ACTIVE

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PARTS = {"validation": VALIDATION, "test": TEST}
"""Parts of a split that may be judged, with their code in the predictions; training molecules never may."""
MEASURES = ("mae", "rmse", "mse", "median", "p95", "bias", "max")
PER = ("molecule", "atom")
NOT_STATED = "not stated"
"""The level of theory of a dataset whose card does not say."""


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
        raise MollensError(f"run {run.name}: {_why_no_labels(run, dataset)}")
    chosen = of_part & labelled
    if only is not None:
        chosen = chosen & np.isin(stored.ids, only)
    if not chosen.any():
        raise MollensError(f"run {run.name}: {_why_none(run, dataset, part)}")
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
        raise MollensError(f"run {run.name}: {_why_no_predictions(run, dataset)}")
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


def shared_held_out(runs: list[Run], dataset: Dataset, part: str = "test") -> Ints:
    """Ids (n,) that are in this part for every run and that none of them saw in training or validation.

    For `part="validation"` they are seen by none in training. Of several runs, copies of what one of them saw are left
    out too, as in `core.judge.pairing.pair_up`.

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


def learned_level(run: Run) -> str | None:
    """Level of theory of the labels that a run has learned; None where nobody has said it."""
    try:
        level = read_json(run.path / "model.json", run.what).get("level_of_theory")
    except MollensError:
        level = level_of(run.dataset_name)
    return level if isinstance(level, str) and level not in ("", NOT_STATED) else None


def level_of(name: str) -> str | None:
    """The level of theory of a dataset, None where it is not there to be asked or does not say."""
    path = EMBEDDED[name] / f"{name}.card.json" if name in EMBEDDED else dataset_folder(name) / "card.json"
    try:
        level = read_card(path, f"dataset {name}").level_of_theory
    except MollensError:
        return None
    return None if level == NOT_STATED else level


def _why_no_labels(run: Run, dataset: Dataset) -> str:
    if run.target not in dataset.molecules.columns:
        return (
            f"dataset {dataset.name} has no {run.target}, which it predicts; its predictions there have no label to be "
            "held against"
        )
    unit, learned = dataset.property(run.target).unit, run.recipe_file.get("unit")
    if learned is not None and unit != learned:
        return (
            f"has learned {run.target} in {learned or 'no unit'}, and dataset {dataset.name} has it in "
            f"{unit or 'no unit'}; import it in that unit to compare"
        )
    level = learned_level(run)
    if dataset.name != run.dataset_name and level != dataset.card.level_of_theory:
        return (
            f"has learned labels of {level or 'a level of theory that is not stated'}, and those of dataset "
            f"{dataset.name} are of {dataset.card.level_of_theory}; energies of different levels are never compared, "
            "so it has no error there"
        )
    return f"no molecule of dataset {dataset.name} has a value of {run.target}; there is no error to measure"


def _why_none(run: Run, dataset: Dataset, part: str) -> str:
    if dataset.name == run.dataset_name:
        return (
            f"split {run.split_name!r} of dataset {dataset.name} has no {part} molecules to judge on; "
            f"use {'validation' if part == 'test' else 'test'} or a split that has them"
        )
    seen = "has seen every labelled molecule" if part == "test" else "was validated on no molecule"
    return f"{seen} of dataset {dataset.name}, so there are no {part} molecules to judge on; use other molecules"


def _why_no_predictions(run: Run, dataset: Dataset) -> str:
    order = f"write them with: python -m core predict {run.name} --dataset {dataset.name}"
    if dataset.name != run.dataset_name:
        if run.origin == "predictions":
            return f"has predictions only, and none for dataset {dataset.name}; load those for it too"
        return (
            f"was trained on dataset {run.dataset_name}, not on {dataset.name}, and has no predictions for it; {order}"
        )
    status = run.status()
    if status.state in ACTIVE:
        return f"is {status.state}; its predictions are written when the training ends"
    if status.state in ("created", "stopped", "lost"):
        return f"is {status.state} and has no predictions yet; start or resume it and let it finish"
    if status.state == "failed":
        return f"failed before it wrote predictions ({status.error or 'no reason given'}); train again"
    return f"has no predictions for dataset {dataset.name}; {order}"
