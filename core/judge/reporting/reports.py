"""Comparisons, findings and slices as the command line prints them with --json; the keys are part of the interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.judge.comparing.compare import Comparison
from core.judge.comparing.runs_table import RunsTable
from core.judge.comparing.verdicts import GroupVerdict
from core.judge.hypotheses.findings import Action, Finding
from core.judge.slicing.slices import SliceSearch
from core.judge.statistics.intervals import LEVEL
from core.runs.folder import Run


def comparison_report(found: Comparison) -> dict[str, Any]:
    """A comparison as `compare --json` prints it."""
    return {
        "a": _side_report(found.a, found.convergence_a),
        "b": _side_report(found.b, found.convergence_b),
        "dataset": found.paired.dataset.name,
        "target": found.paired.target.key,
        "converted": found.paired.converted,
        "part": found.paired.part,
        "by": found.by,
        "measure": found.measure,
        "per": found.per,
        "unit": found.unit,
        "level": LEVEL,
        "margin": found.margin,
        "about": found.about,
        "n": len(found.paired.ids),
        "left_out": found.paired.left_out,
        "verdict": found.verdict,
        "sentence": found.sentence,
        "provisional": found.provisional,
        "warnings": found.warnings,
        "notes": found.notes,
        "whole": _group_report(found.whole, bool(found.warnings)),
        "groups": [_group_report(group, bool(found.warnings)) for group in found.groups],
        "ranges": [] if found.warnings else [vars(each) | {"groups": list(each.groups)} for each in found.ranges],
    }


def _side_report(runs: Sequence[Run], states: Sequence[str]) -> dict[str, Any]:
    return {
        "runs": [run.id for run in runs],
        "names": [run.name for run in runs],
        "seeds": [run.seed for run in runs],
        "target": runs[0].target,
        "split": runs[0].split_name,
        "convergence": list(states),
    }


def _group_report(group: GroupVerdict, silent: bool) -> dict[str, Any]:
    values = {key: value for key, value in vars(group).items() if key != "label"}
    return values | {"state": None} if silent else values


def finding_report(found: Finding) -> dict[str, Any]:
    """A finding as `hypotheses --json` prints it."""
    return {
        "hypothesis": found.hypothesis,
        "claim": found.claim,
        "runs": [run.id for run in found.runs],
        "names": [run.name for run in found.runs],
        "controls": [run.id for run in found.controls],
        "state": found.state,
        "sentence": found.sentence,
        "statistic": found.statistic,
        "effect": found.effect,
        "low": found.low,
        "high": found.high,
        "unit": found.unit,
        "n": found.n,
        "n_of": found.n_of,
        "line": found.line,
        "confounder": found.confounder,
        "caution": found.caution,
        "evidence": found.evidence,
        "about": found.about,
        "action": found.action and _action_report(found.action),
        "provisional": list(found.provisional),
        "details": found.details,
    }


def _action_report(action: Action) -> dict[str, Any]:
    return {
        **vars(action),
        "overrides": dict(action.overrides),
        "query": action.query,
        "commands": list(action.commands),
    }


def runs_table_report(table: RunsTable) -> dict[str, Any]:
    """A table of runs as `table --json` prints it; the columns are those of `runs_table`."""
    return {
        "dataset": table.dataset.name,
        "part": table.part,
        "measure": table.measure,
        "per": table.per,
        "unit": table.unit,
        "mse_unit": table.mse_unit,
        "n_shared": table.n_shared,
        "recipe_fields": table.recipe_fields,
        "groups": [vars(group) for group in table.groups],
        "notes": table.notes,
        "rows": table.frame.to_dicts(),
    }


def slices_report(found: SliceSearch) -> dict[str, Any]:
    """A search as `slices --json` prints it."""
    return {
        "run": found.run.name,
        "id": found.run.id,
        "dataset": found.dataset or found.run.dataset_name,
        "target": found.run.target,
        "unit": found.unit,
        "level": LEVEL,
        "looked_at": found.looked_at,
        "mae_validation": found.mae_validation,
        "mae": found.mae,
        "sentence": found.sentence,
        "provisional": found.provisional,
        "left_out": found.left_out,
        "within": list(found.within),
        "slices": [
            vars(each) | {"predicates": list(each.predicates), "where": each.where and list(each.where)}
            for each in found.slices
        ],
    }
