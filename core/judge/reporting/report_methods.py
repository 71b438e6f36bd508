"""How the numbers of a report were made, in words, from the settings that were really used."""

from __future__ import annotations

from collections.abc import Sequence

from core.data.splits import open_split
from core.errors import MollensError
from core.judge.comparing.compare import Comparison
from core.judge.comparing.recipes_compared import LEAST_SEEDS
from core.judge.comparing.verdicts import MARGIN, MARGIN_SHARE
from core.judge.convergence import LARGEST_NOISE, SMALLEST_DROP
from core.judge.held_out import split_known
from core.judge.hypotheses.rare_sizes import LEAST_SIZES
from core.judge.statistics.intervals import LEVEL, N_LARGE, N_POINTS_ONLY
from core.judge.statistics.resampling import N_RESAMPLES
from core.runs.folder import Run

_PARTS = (("train", "training"), ("validation", "validation"), ("test", "test"))
_PERCENT = f"{100 * LEVEL:.0f} %"


def methods(comparison: Comparison, sections: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Paragraphs, each with its heading: data, split, molecules, errors, intervals, verdict, and what provisional
    means."""
    found = [
        ("Data", _data(comparison)),
        ("Split and training", _split(comparison)),
        ("Molecules that are compared", _molecules(comparison)),
        ("Errors", _errors(comparison)),
        ("Intervals", _intervals(comparison)),
        ("Verdict", _verdict(comparison)),
        ("Provisional", _provisional()),
    ]
    if "hypotheses" in sections:
        found.append(("Hypotheses", _hypotheses()))
    return found


def _data(comparison: Comparison) -> str:
    dataset, target = comparison.paired.dataset, comparison.paired.target
    card = dataset.card
    unit = f" in {target.unit}" if target.unit else ""
    text = (
        f"Dataset {card.name} ({card.title}): {card.n_molecules:,} molecules, {card.n_atoms:,} atoms; level of theory: "
        f"{card.level_of_theory}. Target: {target.label}{unit}"
        f"{', a quantity that grows with the molecule' if target.extensive else ''}. Errors are against these labels, "
        "not against experiment."
    )
    if comparison.paired.converted:
        text += " The runs have different targets of one level of theory, which differ by free atoms only; converted."
    return text + (f" Please cite: {card.citation}" if card.citation else "")


def _split(comparison: Comparison) -> str:
    parts = []
    for letter, runs in (("A", comparison.a), ("B", comparison.b)):
        run = runs[0]
        split = run.recipe_file["split"]
        counts = [f"{_count(split.get(part))} {word}" for part, word in _PARTS]
        known = split_known(run, comparison.paired.dataset)
        where = f"split {run.split_name} of {run.dataset_name}" + _method(comparison, run)
        told = f"{letter}: {where} ({', '.join(counts)} molecules); trained on {run.n_trained:,} of them"
        if not known:
            told = f"{letter}: it is not known which molecules it has seen"
        if len(runs) > 1:
            told += f"; {len(runs)} seeds ({', '.join(str(each.seed) for each in runs)})"
        parts.append(told)
    return (
        f"{'. '.join(parts)}. Validation molecules choose the weights that are kept, and the learning rate; test "
        "molecules choose nothing. Hashes of the splits are below."
    )


def _method(comparison: Comparison, run: Run) -> str:
    if run.dataset_name != comparison.paired.dataset.name:
        return ""
    try:
        split = open_split(comparison.paired.dataset, run.split_name)
    except MollensError:
        return ""
    return f", {split.method.replace('_', ' ')}, seed {split.seed}" if split.hash == run.split_hash else ""


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "an unknown number of"


def _molecules(comparison: Comparison) -> str:
    paired = comparison.paired
    if paired.unknown:
        return (
            f"{len(paired.ids):,} {paired.part} molecules of those runs whose split is known. It is not known which of "
            f"them {', '.join(paired.unknown)} has seen: its errors may be optimistic, so there is no verdict."
        )
    text = (
        f"{len(paired.ids):,} {paired.part} molecules that all runs hold out and none has seen in training"
        f"{' or validation' if paired.part == 'test' else ''}. Molecules are the same if their atoms and all distances "
        "between these are, whatever their number, orientation or mirror image; copies of what a run has seen are left "
        "out."
    )
    if paired.left_out:
        text += f" {paired.left_out:,} held-out molecules of one run are left out because another has seen them."
    if paired.part == "validation":
        text += " Validation molecules have also chosen the weights, so these errors may be optimistic."
    return text


def _errors(comparison: Comparison) -> str:
    name = {"mae": "Mean absolute error (MAE)", "rmse": "Root of the mean squared error (RMSE)"}[comparison.measure]
    of = " of the error divided by the number of atoms" if comparison.per == "atom" else " per molecule"
    text = f"{name}{of}. Differences are error of B minus error of A, molecule by molecule: negative where B is better."
    if comparison.about == "recipes":
        text += " The error of a recipe is the mean over its seeds."
    return text + " Size is the number of atoms, hydrogens included; an element's group holds all that contain it."


def _intervals(comparison: Comparison) -> str:
    some = (
        f"They are {_PERCENT} intervals. Groups below {N_POINTS_ONLY} molecules have none; those of {N_POINTS_ONLY} to "
        f"{N_LARGE - 1} are drawn hollow. Where groups are judged, half of the {100 * (1 - LEVEL):.0f} % that a false "
        "verdict may take is for the whole, half for all groups together. Intervals of the error of one model (by size "
        "and element) hold each by itself, so two of them say nothing about a difference."
    )
    if comparison.about == "recipes":
        return (
            "Intervals of differences hold for other seeds and other molecules: variance between seeds of each side "
            "and between molecules, each with Student's t of its own degrees of freedom; over several groups by "
            "Sidak's rule. Where both have the same seeds and networks of one kind, the scatter of the seeds may also "
            "be that of their differences: each way gets half of the error probability, and the narrower one holds. "
            f"{some}"
        )
    return (
        f"Intervals of differences are paired by molecule, from {N_RESAMPLES:,} resamples with Poisson weights, and "
        f"hold for all groups of a figure at once (largest studentised deviation). {some}"
    )


def _verdict(comparison: Comparison) -> str:
    unit = comparison.paired.target.unit
    if comparison.margin is not None:
        margin = f"{comparison.margin:g} {unit}".rstrip() + ", as it was chosen"
    elif unit == "eV" and comparison.per == "molecule":
        margin = f"{1000 * MARGIN:g} meV or {100 * MARGIN_SHARE:g} % of the smaller error, whichever is more"
    else:
        margin = f"{100 * MARGIN_SHARE:g} % of the smaller error"
    about = (
        f"The verdict is about the two recipes, {len(comparison.a)} and {len(comparison.b)} seeds."
        if comparison.about == "recipes"
        else f"The verdict is about these two networks; one about recipes needs {LEAST_SEEDS} seeds of each."
    )
    return (
        "A or B is called better where the whole interval lies on its side of 0; both are called equal where the whole "
        f"interval lies within the margin ({margin}), a test of equivalence; everything else is undecided, and without "
        f"an interval there is not enough data. {about}"
    )


def _provisional() -> str:
    return (
        "A verdict is provisional where the validation error of a run had not stopped falling (or was rising, or its "
        "epochs were too few to tell): the mean of its last fifth of epochs (3 to 20) differs from that of the fifth "
        f"before by more than its noise and by at least {100 * SMALLEST_DROP:g} %, or the noise could hide "
        f"{100 * LARGEST_NOISE:g} %. More training may change such a verdict."
    )


def _hypotheses() -> str:
    return (
        f"H1: Spearman correlation of the error of each size (at least {LEAST_SIZES} sizes) with its training "
        "molecules, and given the number of atoms; observed data shows no cause. H2: regression of log|error| on the "
        "elements contained, a smooth function of heavy atoms, and unsaturation, with HC3 standard errors, and "
        "molecules matched by size, unsaturation and other elements. H3 and H4: against controls, a random choice of "
        "as many training molecules and as many steps; spreads over sizes are corrected for the noise of finite "
        "samples."
    )
