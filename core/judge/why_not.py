"""Why a run cannot be judged on a dataset: other labels, another level of theory, nothing held out, no predictions."""

from core.data.card import read_card
from core.data.embedded import EMBEDDED
from core.data.store import Dataset, dataset_folder
from core.errors import MollensError
from core.files import read_json
from core.runs.folder import Run
from core.runs.status import ACTIVE

NOT_STATED = "not stated"
"""The level of theory of a dataset whose card does not say."""


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


def why_no_labels(run: Run, dataset: Dataset) -> str:
    """Why there is no error on any molecule of a dataset: no label that the run's predictions may be held against."""
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


def why_none(run: Run, dataset: Dataset, part: str) -> str:
    """Why no molecule of a dataset is in this part for a run."""
    if dataset.name == run.dataset_name:
        return (
            f"split {run.split_name!r} of dataset {dataset.name} has no {part} molecules to judge on; "
            f"use {'validation' if part == 'test' else 'test'} or a split that has them"
        )
    seen = "has seen every labelled molecule" if part == "test" else "was validated on no molecule"
    return f"{seen} of dataset {dataset.name}, so there are no {part} molecules to judge on; use other molecules"


def why_no_predictions(run: Run, dataset: Dataset) -> str:
    """Why a run has no predictions for a dataset, and how it gets them."""
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
