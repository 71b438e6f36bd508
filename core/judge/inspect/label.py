"""Is the label suspicious? Only what does not come from the models counts as evidence against a label."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.data.defects import CONFLICT, Defects, read_defects
from core.data.store import Dataset
from core.judge.inspect.bench import Bench, BenchRun
from core.judge.inspect.causes import Cause, Number, in_unit, percent
from core.judge.inspect.label_suspicion import FAR_OFF, TIMES_MAE, LabelEvidence, SecondLevel
from core.judge.inspect.levels_beside import LevelsBeside, levels_beside, levels_for_evidence

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AGREES = 2.0
"""Robust standard deviations up to which a second level agrees with a label."""
MOST = 0.5
"""Of the models' mean error: what a second level must find wrong with a label to be a strong reason."""
DIRECTED = ("second level", "duplicate")
"""Evidence that says of the value itself that it is wrong; a list or a strange geometry says to look twice."""


@lru_cache(maxsize=8)
def evidence_of(run: BenchRun, levels: tuple[SecondLevel, ...], stamp: int) -> LabelEvidence:
    """What speaks against labels of a dataset; kept, because counting distances takes a second.

    stamp: `defects_stamp` of the dataset
    """
    own = run.inside is not None and not run.source.elsewhere
    seen = run.inside.distances_seen if own and run.inside is not None else None
    return LabelEvidence(run.source, run.source.dataset, levels, None if seen is None else np.asarray(seen))


@lru_cache(maxsize=8)
def _defects(dataset: Dataset, stamp: int) -> Defects | None:
    return read_defects(dataset)


def defects_stamp(dataset: Dataset) -> int:
    """Changes with the folder, where both the search for defects and the list are written."""
    try:
        return dataset.folder.stat().st_mtime_ns
    except OSError:
        return 0


def label(bench: Bench, row: int) -> Cause:
    """Whether the label may be wrong: all models miss it the same way AND something independent speaks against it."""
    runs = bench.comparable(row)
    errors = np.array([run.error[row] for run in runs])
    mean = float(errors.mean()) if len(errors) else 0.0
    beside, waiting = levels_beside(bench)
    levels = levels_for_evidence(tuple(beside))
    kinds = evidence_of(bench.first, levels, defects_stamp(bench.dataset)).of(row, mean)
    for_ = [f"{text[0].upper()}{text[1:]}." for text in kinds.values()]
    against: list[str] = []
    unknown: list[str] = []
    numbers: dict[str, Number] = {"n_runs": len(runs), "mean_error": mean, "evidence": ", ".join(kinds)}
    together = _together(runs, errors, row, bench.target.unit, for_, against, numbers)
    cleared = _second_levels(beside, row, mean, bench.target.unit, kinds, against, unknown, numbers)
    if waiting:
        unknown.append(
            f"Not yet set beside {_listed(waiting)}, another level of theory: run `second-levels {bench.dataset.name}`."
        )
    _lists(bench, row, kinds, against, unknown)
    directed = any(kind in DIRECTED for kind in kinds)
    explains = _explains(beside, row, mean, kinds, for_, numbers)
    if kinds and together:
        grade = "strong" if directed and explains else "some"
    elif kinds:
        grade = "some"
    elif cleared and not kinds:
        grade = "ruled out"
    else:
        grade = "none found"
    return Cause("label", grade, tuple(for_), tuple(against), tuple(unknown), numbers)


def _explains(
    beside: list[LevelsBeside],
    row: int,
    mean: float,
    kinds: dict[str, str],
    for_: list[str],
    numbers: dict[str, Number],
) -> bool:
    """Whether what a second level says is wrong with the label would be most of the error; a sentence is added.

    True where a copy with another value speaks against the label.
    """
    if "second level" not in kinds or not mean:
        return True
    offs = [float(level.residual[row]) for pair in beside if (level := pair.best(row)) and abs(level.z[row]) >= FAR_OFF]
    share = max((-off / mean for off in offs), default=0.0)
    numbers |= {"second_level_explains": share}
    enough = share >= MOST
    text = f"That is {percent(min(share, 1.0))} of the models' mean error"
    for_.append(f"{text}." if enough else f"{text}: the label alone would not explain it.")
    for_.append("Which of the two levels is off for this molecule the comparison does not tell.")
    return enough or "duplicate" in kinds


def _together(
    runs: tuple[BenchRun, ...],
    errors: Floats,
    row: int,
    unit: str,
    for_: list[str],
    against: list[str],
    numbers: dict[str, Number],
) -> bool:
    """Whether all runs of about this quality miss it the same way, by several times their own mean error."""
    same = len(errors) > 0 and bool((errors > 0).all() or (errors < 0).all())
    times = min((abs(run.error[row]) / run.mae for run in runs if run.mae > 0), default=0.0)
    numbers |= {"same_side": same, "times_mae": times}
    if len(runs) < 2:
        against.append("Only one run can be asked, so that it cannot be told whether others miss it too.")
        return False
    if not same:
        n_high = int((errors > 0).sum())
        against.append(f"{n_high} of {len(runs)} runs predict it too high, the others too low.")
        return False
    if times < TIMES_MAE:
        against.append(
            f"All {len(runs)} runs err to the same side, but not all by {TIMES_MAE:g} times their mean error "
            f"(least: {times:.1f} times)."
        )
        return False
    text = (
        f"All {len(runs)} runs of about this quality err to the same side, by {times:.1f} times their mean error or "
        "more"
    )
    if for_:
        for_.append(f"{text}.")
    else:
        against.append(f"{text}; without independent evidence that is model bias as often as a wrong label.")
    return True


def _second_levels(
    beside: list[LevelsBeside],
    row: int,
    mean: float,
    unit: str,
    kinds: dict[str, str],
    against: list[str],
    unknown: list[str],
    numbers: dict[str, Number],
) -> bool:
    """Whether a second level that would have seen an error of this size agrees with the label; sentences are added."""
    cleared = False
    for pair in beside:
        level = pair.best(row)
        plain = pair.plain
        if level is None:
            unknown.append(f"{plain.name} ({plain.level_of_theory}) has no value of it.")
            continue
        off, z = float(level.residual[row]), float(level.z[row])
        numbers |= {
            "second_level": plain.name, "second_level_residual": float(plain.residual[row]),
            "second_level_z": float(plain.z[row]), "second_level_spread": plain.spread,
        }  # fmt: skip
        by = " and its composition"
        if level is not plain:
            by = ", its composition and its nearest training molecules"
            numbers |= {"local_residual": off, "local_z": z, "local_spread": level.spread}
        where = "above" if off > 0 else "below"
        text = (
            f"Its value is {in_unit(abs(off), unit)} {where} what {plain.name} ({plain.level_of_theory}){by} let "
            f"expect, {abs(z):.1f} times the usual difference of {in_unit(level.spread, unit)}"
        )
        if abs(z) >= FAR_OFF:
            if "second level" not in kinds:
                against.append(f"{text}: that is opposite to what a wrong label would give.")
            continue
        seen = abs(mean) >= FAR_OFF * level.spread
        if abs(z) <= AGREES and seen:
            cleared = True
            against.append(f"{text}: it agrees, and an error of {in_unit(abs(mean), unit)} would have shown.")
        elif abs(z) <= AGREES:
            against.append(
                f"{text}: nothing strange, though an error of {in_unit(abs(mean), unit)} might not have shown."
            )
        else:
            against.append(f"{text}: less than the {FAR_OFF:g} times that count as strange.")
        if level is not plain and abs(plain.z[row]) >= FAR_OFF:
            share = abs(float(pair.expected[row])) / abs(float(plain.residual[row]))
            against.append(
                f"By composition alone it is {in_unit(abs(float(plain.residual[row])), unit)} off; its nearest "
                f"training molecules are so too ({percent(min(share, 1.0))} of it): such molecules differ so."
            )
    return cleared


def _lists(bench: Bench, row: int, kinds: dict[str, str], against: list[str], unknown: list[str]) -> None:
    """What was looked at and found nothing."""
    defects = _defects(bench.dataset, defects_stamp(bench.dataset))
    if defects is None:
        unknown.append(f"Defects of the dataset have not been looked for: run `defects {bench.dataset.name}`.")
    elif defects.counts["uncharacterized"].get("list"):
        if "uncharacterized" not in kinds:
            against.append("It is not on the list of molecules that failed the consistency check.")
    else:
        unknown.append("The dataset came without a list of molecules that failed the consistency check.")
    source = bench.first.source
    compared = len(source.train_rows) > 0 and not source.elsewhere
    if "geometry" not in kinds:
        looked = ["no contact nearer than a bond"] if defects is not None else []
        looked += ["no distance that training lacks"] if compared else []
        if looked:
            against.append(f"Its geometry raises no alarm: {', '.join(looked)}.")
    if not compared:
        unknown.append("Its distances were not compared with those in training: what that was is not known here.")
    if "duplicate" not in kinds:
        _copies(bench, row, against)


def _copies(bench: Bench, row: int, against: list[str]) -> None:
    same = bench.copies(row)
    if not len(same):
        return
    values = bench.first.target
    off = np.abs(values[same] - values[row])
    if np.isfinite(off).any():
        limit = CONFLICT if bench.target.unit == "eV" else CONFLICT * float(np.nanstd(values))
        ids = _listed([str(each) for each in bench.dataset.molecules.ids[same][:3]])
        if np.nanmax(off) <= limit:
            against.append(f"Molecule {ids} has the same geometry and the same value.")


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
