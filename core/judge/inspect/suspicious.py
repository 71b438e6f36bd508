"""Label suspicion over a whole dataset: held-out molecules that all models miss alike, with evidence besides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.data.store import Dataset
from core.errors import MollensError
from core.judge.held_out import held_out, optimistic
from core.judge.inspect.bench import COMPARABLE, Bench, BenchRun, open_bench
from core.judge.inspect.causes import GRADES, percent
from core.judge.inspect.label import label
from core.judge.inspect.label_suspicion import TIMES_MAE, Suspicion, suspicions
from core.judge.inspect.levels_beside import label_evidence_levels, levels_beside
from core.runs.folder import Run


@dataclass(frozen=True)
class SuspiciousLabel:
    """One molecule whose label may be wrong."""

    id: int
    row: int
    grade: str
    """strong: something says of the value itself that it is wrong; some: a list or its geometry says to look twice"""
    mean_error: float
    """mean over the runs of predicted minus target, in the target's unit"""
    times_mae: float
    """least, over the runs, of |error| over the run's mean absolute error"""
    evidence: tuple[str, ...]
    """kinds: uncharacterized, geometry, duplicate, second level"""
    reasons: tuple[str, ...]
    """in words, strongest first"""
    against: tuple[str, ...]
    """what speaks for the label, in words"""


@dataclass(frozen=True)
class SuspiciousLabels:
    """The list, and what it was found among."""

    found: tuple[SuspiciousLabel, ...]
    """strong ones first, then those with more kinds of evidence and larger errors"""
    n_same_direction: int
    """held-out molecules that every run misses by TIMES_MAE times its mean error in one direction"""
    n_held_out: int
    """that all runs hold out and none has seen"""
    runs: tuple[str, ...]
    """names of the runs that had a say"""
    expected_by_chance: float
    """how many of `n_same_direction` would have evidence if that had nothing to do with the errors"""
    looked_at: tuple[str, ...]
    """kinds of evidence that could be looked at"""
    notes: tuple[str, ...]
    """runs that had no say and evidence that could not be looked at, a sentence each"""

    @property
    def sentence(self) -> str:
        """What was found, in words."""
        share = percent(self.n_same_direction / self.n_held_out) if self.n_held_out else "none"
        return (
            f"All {len(self.runs)} runs miss {self.n_same_direction:,} of {self.n_held_out:,} held-out molecules "
            f"({share}) by {TIMES_MAE:g} times their mean error or more, to the same side. "
            f"For {len(self.found) or 'none'} of these something besides the models speaks against the label, where "
            f"chance would give {self.expected_by_chance:.1f}."
        )


def label_suspicions(runs: Sequence[Run], dataset: Dataset, part: str = "test") -> SuspiciousLabels:
    """Held-out molecules whose label may be wrong: all runs miss them the same way AND there is independent evidence.

    Runs whose mean absolute error is more than twice that of the best have no say: what they miss tells nothing.
    part: test or validation

    Raises:
        MollensError: for fewer than two runs that can be asked, or none of a common target and molecules.
    """
    bench = open_bench(runs, dataset)
    asked, notes = _asked(bench)
    if len(asked) < 2:
        raise MollensError(
            f"label suspicion: {len(asked)} run of about the same quality on {dataset.name}; at least 2 are needed, "
            "best several seeds of two models"
        )
    beside, waiting = levels_beside(bench)
    found = suspicions([held_out(run.run, dataset, part) for run in asked], label_evidence_levels(beside))
    if waiting:
        notes.append(
            f"Not looked at: another level of theory in {', '.join(waiting)}; run `second-levels {dataset.name}`."
        )
    notes += optimistic([run.run for run in asked], dataset)
    small = open_bench([run.run for run in asked], dataset)
    listed = [_listed(small, suspicion) for suspicion in found.found]
    listed.sort(key=lambda each: (GRADES.index(each.grade), -len(each.evidence), -each.times_mae))
    return SuspiciousLabels(
        tuple(listed), found.n_same_direction, found.n_held_out, tuple(run.run.name for run in asked),
        found.expected_by_chance, found.looked_at, (*notes, *bench.left_out),
    )  # fmt: skip


def _asked(bench: Bench) -> tuple[list[BenchRun], list[str]]:
    """Runs that have a say, and sentences about those that have none."""
    best = min(run.mae for run in bench.runs)
    asked = [run for run in bench.runs if run.mae <= COMPARABLE * best]
    weak = [run.run.name for run in bench.runs if run.mae > COMPARABLE * best]
    if not weak:
        return asked, []
    names = f"{', '.join(weak[:3])}{f' and {len(weak) - 3} more' if len(weak) > 3 else ''}"
    return asked, [f"No say have runs with more than {COMPARABLE:g} times the error of the best: {names}."]


def _listed(bench: Bench, found: Suspicion) -> SuspiciousLabel:
    cause = label(bench, found.row)
    reasons = tuple(f"{text[0].upper()}{text[1:]}." for text in found.reasons)
    grade = cause.grade if cause.grade in ("strong", "some") else "some"
    return SuspiciousLabel(
        found.id, found.row, grade, found.mean_error, float(np.round(found.times_mae, 6)), found.evidence, reasons,
        cause.against,
    )  # fmt: skip
