"""Why a molecule is wrong: how large the error is, where it stands, what every run says, and the evidence."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import streamlit as st

from core.figures.molecule_errors import drawn_recipes, molecule_error_curves, molecule_error_rows
from core.figures.numbers import number, significant, unit_text
from core.judge.inspect.causes import Cause
from core.judge.inspect.evidence import Evidence
from core.judge.inspect.molecule import MoleculeErrors, is_error
from pages.common.appearance import dark, plain, safe
from pages.common.furniture import Fact, card_head, facts, note, show
from pages.explore.parts.molecule_shown import picture_of
from pages.judge.outlier_parts.evidence_tasks import offer_tasks, without_commands
from pages.judge.outlier_parts.gallery import error_text, ordinal
from pages.judge.outlier_parts.gallery_asked import Asked

_CSS = (Path(__file__).parents[2] / "common" / "browser" / "outlier.css").read_text()
_CODE = re.compile(r"`([^`]+)`")


def show_facts(asked: Asked, found: Evidence) -> None:
    """The card beside the 3D view."""
    errors, (factor, unit) = found.errors, asked.unit()
    first, target_unit = errors.runs[0], unit_text(errors.unit)
    st.html(f"<style>{_CSS}</style>")
    _headline(asked, errors, factor, unit)
    rows = [
        Fact("Target", number(errors.target, 3), target_unit if errors.target is not None else ""),
        Fact("Predicted", number(first.predicted, 3), target_unit),
    ]
    if first.baseline_error is not None:
        rows.append(Fact("Baseline error", significant(first.baseline_error * factor, 3, sign=True), unit))
    facts(rows)
    with st.container(key="outlier_notes", gap="xsmall"):
        for k, text in enumerate(found.remarks):
            note(plain(text), f"remark_{k}")
    if found.causes:
        _evidence(asked, found)


def show_epochs(asked: Asked, errors: MoleculeErrors) -> None:
    """The error over the epochs, of a molecule with `has_epochs`."""
    factor, unit = asked.unit()
    name = plain(asked.bench.recipes[0])
    card_head(
        "How did its error change during training?",
        f"Predicted − target in **{unit}** after each epoch, as a validation molecule of {name} · thin: other seeds",
        "molecule_epochs",
        lambda: _epochs_table(errors),
        image="molecule_epochs",
    )
    fig = molecule_error_curves(errors, asked.recipe_colours()[0], factor, unit, dark())
    show(fig, "molecule_epochs", "Error of the molecule after each epoch")


def _headline(asked: Asked, errors: MoleculeErrors, factor: float, unit: str) -> None:
    """The error, large, its place among those of its size, and the structural formula."""
    first = errors.runs[0]
    value, words = "no label", [f"no {asked.source.target.label} to compare with"]
    if first.error is not None:
        value = error_text(first.error, factor)
        words = [] if is_error(first.code) and first.code == asked.source.part else [first.called]
    place = first.place
    if place is not None:
        if place.times_spread is not None:
            words.append(f"{significant(place.times_spread, 2)} × the spread of its size")
        others = f"{number(place.n)} with {errors.size} atoms"
        words.append(f"the only one with {errors.size} atoms" if place.n == 1 else f"{ordinal(place.rank)} of {others}")
    picture = picture_of(asked.dataset, errors.row, 190, 110)
    image = f'<img src="{picture}" alt="Structural formula">' if picture else ""
    lines = "<br>".join(safe(text) for text in words)
    unit_part = f"<i>{safe(unit)}</i>" if first.error is not None else ""
    st.html(f'<div class="mo-outlier"><b>{safe(value)} {unit_part}</b><span>{lines}</span>{image}</div>')


def show_runs(asked: Asked, errors: MoleculeErrors) -> None:
    """The errors of all runs and seeds under the histogram of its size."""
    factor, unit = asked.unit()
    drawn = drawn_recipes(errors)
    everywhere = {run.recipe for run in errors.runs if run.error is not None}
    left = len(everywhere) - len(drawn)
    more = f" · {left} more recipes in the table" if left > 0 else ""
    trained = any(run.code == "training" and run.recipe in drawn for run in errors.runs)
    circle = " · circle: trained on it" if trained else ""
    card_head(
        "What does every run say?",
        f"A tick for each run and seed{circle} · grey: molecules of its size{more}",
        "molecule_errors",
        lambda: runs_table(errors),
        asked.molecule_command(errors.id),
        image="molecule_errors",
    )
    fig = molecule_error_rows(errors, asked.recipe_colours(), factor, unit, dark())
    show(fig, "molecule_errors", f"Errors of the molecule in {len(errors.runs)} runs")


def runs_table(errors: MoleculeErrors) -> pl.DataFrame:
    """A row for every run; energies in the target's unit."""
    return pl.DataFrame(
        [
            {
                "run": run.id, "name": run.name, "recipe": errors.recipes[run.recipe].name, "seed": run.seed,
                "molecule_was": run.code, "target": errors.target, "predicted": run.predicted,
                "baseline": run.baseline, "error": run.error,
            }
            for run in errors.runs
        ],
        infer_schema_length=None,
    )  # fmt: skip


def _epochs_table(errors: MoleculeErrors) -> pl.DataFrame:
    rows = [
        {"run": run.id, "epoch": epoch, "error": value}
        for run in errors.runs
        if run.recipe == 0
        for epoch, value in zip(run.epochs, run.over_epochs, strict=True)
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def _evidence(asked: Asked, found: Evidence) -> None:
    """Four rows, strongest first; never one verdict."""
    st.subheader("Why it is wrong: the evidence", anchor=False)
    cells = "".join(_cause(cause) for cause in found.causes)
    st.html(f'<div class="mo-evidence">{cells}</div>')
    offer_tasks(asked, [text for cause in found.causes for text in cause.unknown])


def _cause(cause: Cause) -> str:
    strong = cause.grade in ("strong", "some")
    name = cause.grade.replace(" ", "-")
    lead = cause.reasons if strong else cause.sentences
    rest = (*cause.against, *cause.unknown) if strong else ()
    more = f"<em>{_sentences(rest)}</em>" if rest else ""
    return (
        f'<div class="{"on" if strong else "off"}"><p><b>{safe(cause.title)}</b>'
        f'<i class="grade-{name}">{safe(cause.grade)}</i></p><p>{_sentences(lead)}{more}</p></div>'
    )


def _sentences(texts: tuple[str, ...]) -> str:
    return _CODE.sub(r"<code>\1</code>", safe(" ".join(map(without_commands, texts))))
