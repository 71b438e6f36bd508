"""What is known of a molecule, of suspicious labels and of what helps, as the commands print it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from core.errors import MollensError
from core.judge.inspect.bench import Bench
from core.judge.inspect.causes import Cause
from core.judge.inspect.evidence import Evidence
from core.judge.inspect.nearest_training import nearest_by_latents, nearest_by_morgan
from core.judge.inspect.suspicious import SuspiciousLabels
from core.judge.inspect.what_helps import WhatHelps


def molecule_report(bench: Bench, found: Evidence) -> dict[str, Any]:
    """One molecule as `molecule --json` prints it; energies in the target's unit."""
    errors = found.errors
    told = asdict(errors)
    return {
        "dataset": bench.dataset.name,
        "run": bench.first.run.name,
        **{key: told[key] for key in ("id", "size", "formula", "smiles", "target_key", "unit", "target")},
        "runs": [{**run, "recipe": errors.recipes[run["recipe"]].name} for run in told["runs"]],
        "recipes": told["recipes"],
        "of_its_size": {"edges": errors.edges.tolist(), "counts": errors.counts.tolist()},
        "evidence": [_cause(cause) for cause in found.causes],
        "features": [asdict(each) for each in found.features],
        "remarks": list(found.remarks),
        "nearest": _nearest(bench, errors.row),
    }


def _nearest(bench: Bench, row: int) -> dict[str, Any]:
    """The nearest training molecules by latents and by fingerprint, or a sentence on why there are none."""
    told: dict[str, Any] = {}
    for by, ask in (("latents", nearest_by_latents), ("fingerprint", nearest_by_morgan)):
        try:
            found = ask(bench.first, row)
        except MollensError as error:
            told[by] = {"molecules": [], "farther_than_share": None, "why_none": str(error)}
            continue
        molecules = found.dataset.molecules
        listed = [
            {
                "id": each.id, ("distance" if by == "latents" else "similarity"): each.apart, "target": each.target,
                "training_residual": each.residual, "formula": molecules.formula(each.row),
                "smiles": molecules.smiles_of(each.row), "dataset": found.dataset.name,
            }
            for each in found.molecules
        ]  # fmt: skip
        told[by] = {"molecules": listed, "farther_than_share": found.share, "why_none": ""}
    return told


def _cause(cause: Cause) -> dict[str, Any]:
    return {
        "cause": cause.key, "title": cause.title, "grade": cause.grade, "for": list(cause.reasons),
        "against": list(cause.against), "unknown": list(cause.unknown), "numbers": dict(cause.numbers),
    }  # fmt: skip


def suspicious_report(found: SuspiciousLabels, dataset: str, unit: str, part: str) -> dict[str, Any]:
    """The list as `suspicious-labels --json` prints it."""
    told = asdict(found)
    return {
        "dataset": dataset, "unit": unit, "part": part, "sentence": found.sentence,
        **{key: told[key] for key in told if key != "found"},
        "labels": [{key: value for key, value in each.items() if key != "row"} for each in told["found"]],
    }  # fmt: skip


def help_report(found: WhatHelps, bench: Bench) -> dict[str, Any]:
    """What would help as `what-helps --json` prints it."""
    near = found.near
    return {
        "dataset": bench.dataset.name,
        "run": bench.first.run.name,
        "n_chosen": found.n_chosen,
        "n_train": found.n_train,
        "n_alike": found.n_alike,
        "alike": found.alike,
        "near": None
        if near is None
        else {
            "radius": near.radius,
            "n_asked": near.n_asked,
            "n_any": len(near.rows),
            "median": float(np.median(near.counts)),
            "least": int(near.counts.min()),
            "most": int(near.counts.max()),
        },
        "counts": [asdict(each) for each in found.counts],
        "suggestions": [
            {
                "label": each.label, "reason": each.reason, "preset": each.preset, "overrides": dict(each.overrides),
                "from_run": each.from_run, "changed": dict(each.changed), "gain": each.gain, "command": each.command,
            }
            for each in found.suggestions
        ],
        "remarks": list(found.remarks),
    }  # fmt: skip
