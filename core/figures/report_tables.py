"""The tables of a report: what differs between two models, groups in numbers, runs, hashes."""

from __future__ import annotations

from typing import Any

from core.figures import html_parts as made
from core.figures.numbers import duration, number, percent, significant, squared, unit_text
from core.figures.theme import ModelStyle
from core.judge.comparing.compare import Comparison
from core.judge.comparing.recipes_compared import differing_fields
from core.judge.comparing.runs_table import RunsTable
from core.judge.reporting.report_content import ReportContent

_NOTHING = "\N{EM DASH}"


def differing_table(found: Comparison) -> str:
    """In which fields of the recipe A and B differ, as a card."""
    a, b = found.a[0], found.b[0]
    rows = [
        (name.replace("_", " "), _told(values.get(a.id)), _told(values.get(b.id)))
        for name, values in differing_fields([a, b]).items()
    ]
    counts = [f"{number(run.n_trained)} molecules" if run.n_trained else "not known" for run in (a, b)]
    rows += [("trained on", counts[0], counts[1])]
    states = [", ".join(sorted(set(side))) for side in (found.convergence_a, found.convergence_b)]
    rows += [("convergence", states[0], states[1])]
    return f'<div class="card"><h3>What differs</h3>{made.table(("", "A", "B"), rows, (0, 1, 2))}</div>'


def _told(value: Any) -> str:
    if value is None:
        return "not known"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def groups_table(found: Comparison, factor: float, unit: str) -> str:
    """Every group of a comparison in numbers."""

    def text(value: float | None, sign: bool = False) -> str:
        return _NOTHING if value is None else significant(value * factor, 3, sign=sign)

    heads = (
        "group", f"n {found.paired.part}", "n training", f"A, {unit}", f"B, {unit}", "B \N{MINUS SIGN} A",
        "95 %, together", "B closer", "margin", "answer",
    )  # fmt: skip
    rows = [
        (
            group.label.removeprefix("molecules "), number(group.n_held_out),
            " | ".join(number(n) for n in dict.fromkeys((group.n_train_a, group.n_train_b))),
            text(group.error_a), text(group.error_b), text(group.difference, True),
            _NOTHING if group.low is None else f"{text(group.low, True)} to {text(group.high, True)}",
            _NOTHING if group.low is None else percent(group.improved), f"±{text(group.margin)}",
            _NOTHING if found.warnings else group.state,
        )
        for group in (found.whole, *found.groups)
    ]  # fmt: skip
    return made.table(heads, rows, (0, len(heads) - 1), wrap=False)


def runs_summary(table: RunsTable, factor: float, unit: str) -> str:
    """The table of runs, a column a recipe: errors, what was trained and what it took."""
    measure, inside = table.measure.upper(), table.mse_unit.split("^")[0]

    def error(value: float | None, spread: float | None = None) -> str:
        if value is None:
            return _NOTHING
        around = "" if spread is None else f" ± {significant(spread * factor, 2)}"
        return significant(value * factor) + around

    runs = list(table.frame.iter_rows(named=True))
    lines: list[tuple[str, list[object]]] = [
        ("seeds", [row["n_seeds"] for row in runs]),
        ("trained on", [row["trained_on"] for row in runs]),
        (f"{measure}, {unit}", [error(row["error"], row["error_spread"]) for row in runs]),
        (f"{measure} of the baseline, {unit}", [error(row["baseline_mae"]) for row in runs]),
        *(
            (
                f"{measure}, {group.label} (n = {number(group.n)}), {unit}",
                list[object](error(row[f"group.{group.key}"], row[f"group.{group.key}.spread"]) for row in runs),
            )
            for group in table.groups
        ),
        (f"MSE, {unit_text(squared(inside))}", [significant(row["mse"]) for row in runs]),
        ("parameters", [_count(row["parameters"]) for row in runs]),
        ("epochs", [_count(row["epochs"]) for row in runs]),
        ("optimiser steps", [_count(row["steps"]) for row in runs]),
        ("time of training", [duration(row["train_seconds"]) for row in runs]),
        ("time of validation", [duration(row["validation_seconds"]) for row in runs]),
        ("molecules per second", [_count(row["molecules_per_second"]) for row in runs]),
        ("validation error", [row["convergence"] for row in runs]),
    ]  # fmt: skip
    if table.measure != "mae":
        lines = [line for line in lines if "baseline" not in line[0]]
    shared = (
        f"Errors on the {number(table.n_shared)} {table.part} molecules that all of them share."
        if table.n_shared
        else "Every column is about molecules of its own."
    )
    spread = " ± is the standard deviation over seeds." if any(row["n_seeds"] > 1 for row in runs) else ""
    notes = "".join(f'<p class="caption">{made.text(note)}</p>' for note in (shared + spread, *table.notes))
    heads = ["", *(row["name"] for row in runs)]
    return notes + made.table(heads, [(name, *cells) for name, cells in lines], range(len(heads)))


def _count(value: float | None) -> str:
    return _NOTHING if value is None else number(value)


def hash_cards(content: ReportContent, styles: tuple[ModelStyle, ModelStyle]) -> str:
    """A card for every run with its hashes and the packages that it was trained with."""
    cards = []
    for each in content.hashes:
        style = styles["AB".index(each.side)]
        packages = ", ".join(f"{name} {version}" for name, version in each.versions)
        rows = [
            ("run", each.id), ("made", each.created), (f"dataset {each.dataset}", each.dataset_sha256),
            (f"split {each.split}", each.split_hash or "not known"), ("recipe", each.recipe_hash),
            ("weights", each.weights_hash or "no weights: predictions only"),
            ("predictions", each.predictions_hash or "not there"),
            ("trained with" if each.origin == "mollens" else "loaded with", packages or "not recorded"),
        ]  # fmt: skip
        name = f'<b style="color:{style.colour}">{style.glyph} {each.side}</b> {made.text(each.name)}'
        cards.append(f'<div class="card half"><h3>{name}</h3>{made.pairs(rows, code=True)}</div>')
    words = (
        "SHA-256. Dataset: ids, atoms, coordinates and labels. Split: sorted ids of its parts. Recipe: its fields as "
        "JSON with sorted keys. Weights: model.safetensors. Predictions: predicted.npy."
    )
    return f'<p class="caption">{words}</p>{made.row(*cards)}'
