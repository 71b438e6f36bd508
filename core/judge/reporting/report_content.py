"""What a report on two models holds: verdict, differences, errors, curves, table, hypotheses, methods, hashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from core.errors import MollensError
from core.files import utc_now
from core.judge.comparing.compare import Comparison, compare_runs
from core.judge.comparing.runs_table import RunsTable, runs_table
from core.judge.comparing.seed_errors import errors_of_seeds
from core.judge.errors import errors_of_all
from core.judge.grouping.groupings import Grouping, open_grouping
from core.judge.held_out import HeldOut, held_out
from core.judge.hypotheses.asking import ask_hypotheses
from core.judge.hypotheses.findings import Finding
from core.judge.learning import LearningCurve, learning_curves
from core.judge.reporting.report_hashes import RunHashes, hashes_of, report_commands
from core.judge.reporting.report_methods import methods
from core.recipes.create import versions
from core.runs.folder import Run

SECTIONS: dict[str, str] = {
    "verdict": "Verdict",
    "differences": "Where does one beat the other?",
    "errors": "Errors by size and element",
    "learning": "Had they finished learning?",
    "runs": "The runs",
    "hypotheses": "What the runs say about the four hypotheses",
    "methods": "Methods",
    "hashes": "What it rests on",
}
"""Sections of a report in their order, with their titles."""


@dataclass(frozen=True, eq=False)
class ReportContent:
    """All that a report shows; what its sections do not ask for is empty."""

    comparison: Comparison
    sections: tuple[str, ...]
    made: str
    """UTC ISO-8601"""
    differences: tuple[Comparison, ...] = ()
    """the comparison, and the same by element or size, and by size and element"""
    errors: dict[str, tuple[pl.DataFrame, pl.DataFrame]] = field(default_factory=dict)
    """grouping -> tables of A and of B on the compared molecules, see `core.judge.errors.errors_of`"""
    groupings: dict[str, Grouping] = field(default_factory=dict)
    curves: tuple[LearningCurve, ...] = ()
    """of A and of B"""
    table: RunsTable | None = None
    findings: tuple[Finding, ...] = ()
    methods: tuple[tuple[str, str], ...] = ()
    """heading and paragraph"""
    hashes: tuple[RunHashes, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    """packages that wrote the report"""
    commands: tuple[str, ...] = ()
    faults: dict[str, str] = field(default_factory=dict)
    """section -> why a part of it could not be made"""


def check_sections(names: Sequence[str]) -> tuple[str, ...]:
    """The sections with these names, in the order of a report.

    Raises:
        MollensError: for an unknown name, or none.
    """
    for name in names:
        if name not in SECTIONS:
            raise MollensError(f"section {name[:40]!r} is not known; known are {', '.join(SECTIONS)}")
    if not names:
        raise MollensError(f"report: no section is named; choose from {', '.join(SECTIONS)}")
    return tuple(name for name in SECTIONS if name in names)


def gather(
    comparison: Comparison,
    sections: Sequence[str] = tuple(SECTIONS),
    among: Sequence[Run] = (),
    findings: Sequence[Finding] | None = None,
) -> ReportContent:
    """All that a report on this comparison shows.

    sections: keys of `SECTIONS`
    among: runs in which controls of H3 and H4 are looked for
    findings: answers to the hypotheses that are there already; None asks for them

    Raises:
        MollensError: for an unknown section. What cannot be made of a section stands in `faults`.
    """
    chosen = check_sections(sections)
    runs, dataset, part = (*comparison.a, *comparison.b), comparison.paired.dataset, comparison.paired.part
    faults: dict[str, str] = {}
    errors: dict[str, tuple[pl.DataFrame, pl.DataFrame]] = {}
    told: tuple[Finding, ...] = ()
    table = None
    if "errors" in chosen:
        for by in ("size", "element"):
            errors[by] = _errors(comparison, by)
    if "runs" in chosen:
        table = runs_table(runs, dataset, part, comparison.measure, comparison.per)
    if "hypotheses" in chosen:
        try:
            told = tuple(
                ask_hypotheses(runs, dataset, among, (), part, comparison.per) if findings is None else findings
            )
        except MollensError as error:
            faults["hypotheses"] = str(error)
    sides = [("A", run) for run in comparison.a] + [("B", run) for run in comparison.b]
    hashes = tuple(hashes_of(run, side, dataset) for side, run in sides)
    return ReportContent(
        comparison=comparison,
        sections=chosen,
        made=utc_now(),
        differences=_differences(comparison) if "differences" in chosen else (),
        errors=errors,
        groupings={by: open_grouping(dataset, by) for by in errors},
        curves=tuple(learning_curves([comparison.a, comparison.b])) if "learning" in chosen else (),
        table=table,
        findings=told,
        methods=tuple(methods(comparison, chosen)) if "methods" in chosen else (),
        hashes=hashes,
        versions=versions(),
        commands=tuple(report_commands(comparison, chosen, hashes)),
        faults=faults,
    )


def _differences(found: Comparison) -> tuple[Comparison, ...]:
    """The comparison, and the same by size, by element and by both, where it is not that already."""
    others = [by for by in ("size", "element", "size_element") if by != found.by]
    sides = [runs[0] if len(runs) == 1 else runs for runs in (found.a, found.b)]
    more = [
        compare_runs(
            sides[0], sides[1], found.paired.dataset, by, found.measure, found.per, found.margin, found.paired.part
        )
        for by in others
    ]
    return (*([] if found.by == "all" else [found]), *more)


def _errors(found: Comparison, by: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Errors of A and B by a grouping, on the compared molecules; of several seeds their mean, with its interval."""
    dataset, part, per, measure = found.paired.dataset, found.paired.part, found.per, found.measure
    tables = []
    for runs in (found.a, found.b):
        sources = [held_out(run, dataset, part, found.paired.ids) for run in runs]
        table = errors_of_all(sources[:1], by, per)[0]
        tables.append(table if len(runs) == 1 else _of_seeds(table, sources, found, by, measure))
    return tables[0], tables[1]


def _of_seeds(table: pl.DataFrame, sources: list[HeldOut], found: Comparison, by: str, measure: str) -> pl.DataFrame:
    grouping = open_grouping(found.paired.dataset, by)
    values, lows, highs = [], [], []
    for name in table["group"]:
        member = grouping.table[grouping.names.index(name)]
        ids = found.paired.ids[member[found.paired.rows]]
        told = errors_of_seeds(sources, ids, measure, found.per, {}) if len(ids) else {}
        values.append(told.get("error"))
        lows.append(told.get("error_low"))
        highs.append(told.get("error_high"))
    columns = {measure: values, f"{measure}_low": lows, f"{measure}_high": highs}
    return table.with_columns(pl.Series(name, column, dtype=pl.Float64) for name, column in columns.items())
