"""All runs as a table that the browser sorts and filters; two small buttons make a row A or B."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from core.figures.numbers import duration, number, short_count, significant, unit_text
from core.figures.theme import colours
from core.judge.comparing.runs_table import RunsTable, TableGroup
from core.judge.convergence import NOT_RECORDED
from core.judge.statistics.intervals import N_POINTS_ONLY
from core.recipes.fields import field_rows
from core.runs.folder import Run
from pages.common.appearance import dark, plain
from pages.common.compared import table_of
from pages.common.furniture import card, card_head
from pages.judge.compare_parts.heads import value_text
from pages.judge.compare_parts.shown import Choice, Shown, shown_as
from pages.judge.compare_parts.sides import SEEDS, Pair, Side, find_side, set_side

_BROWSER = Path(__file__).parents[2] / "common" / "browser"
_KEY = "compare_runs"
_component = st.components.v2.component(
    "mollens_compare_table",
    html='<div class="compare-runs"></div>',
    css=(_BROWSER / "compare_table.css").read_text(),
    js=(_BROWSER / "compare_table.js").read_text(),
)
_TONES = {"converged": "done", "still falling": "notice", "rising": "notice"}
_WORDS = {"converged": "✓ converged", "too short": "too short to tell", "no epochs": "fitted"}

Row = dict[str, Any]
Cell = dict[str, Any]


def table_of_runs(choice: Choice, two: Pair, ready: list[Run], sides: dict[str, Side]) -> None:
    """The card of the table: every run that learns what A learns."""
    runs = tuple(run for run in ready if run.target == two.a.first.target)
    table = table_of(runs, two.dataset, two.part, choice.measure, choice.per)
    shown = shown_as(two.dataset.property(two.a.first.target).unit, table.frame["error"].median(), choice)
    part = "Test" if table.part == "test" else "**Validation**"
    shared = "molecules of each run's own"
    if table.n_shared:
        shared = f"the {number(table.n_shared)} molecules that all share"
    caption = (
        f"{part} errors on {shared} · seeds of one recipe are one row: mean ± spread · only fields of the recipe that "
        "differ, at the right · a click on A or B makes a row A or B"
    )
    told = f" --measure {table.measure}" + (f" --per {table.per}" if table.per != "molecule" else "")
    told += f" --part {table.part}" if table.part != "test" else ""
    told += "" if runs[0].dataset_name == two.dataset.name else f" --dataset {two.dataset.name}"
    command = f"python -m core table {' '.join(run.id for run in runs)}{told} --json"
    with card("runs", gap="xsmall"):
        card_head("Which runs are there to compare?", caption, "table_of_runs", lambda: _flat(table), command)
        columns = _columns(table, shown)
        rows = [_row(line, columns, two, sides) for line in table.frame.iter_rows(named=True)]
        c = colours(dark())
        _component(
            data={
                "columns": [{key: value for key, value in each.items() if key != "cell"} for each in columns],
                "rows": rows,
                "label": "Runs to compare",
                "colours": {
                    "page": c.page, "line": c.line, "axis": c.axis, "ink": c.ink, "muted": c.muted, "faint": c.faint,
                    "hover": c.hover, "notice": c.notice, "notice-ground": c.notice_ground, "failed": c.failed,
                },
            },
            key=_KEY,
            on_picked_change=_picked,
        )  # fmt: skip
        for sentence in table.notes[:3]:
            st.caption(plain(sentence))


def _picked() -> None:
    """A button of a row: "A" or "B", a blank, and what is to be it."""
    state: Any = st.session_state.get(_KEY)
    letter, _, key = str(state.get("picked") or "").partition(" ") if state else ("", "", "")
    if letter in ("A", "B") and key:
        set_side(letter.lower(), key)


def _row(line: Row, columns: Sequence[Row], two: Pair, sides: dict[str, Side]) -> Row:
    first = line["runs"][0]
    many = find_side(sides, SEEDS + first) if len(line["runs"]) > 1 else None
    side = many or find_side(sides, first)
    key = side.key if side is not None else first
    letter, style = "", None
    for name, chosen, look in (("A", two.a, two.style_a), ("B", two.b, two.style_b)):
        if chosen.key == key or not {run.id for run in chosen.runs}.isdisjoint(line["runs"]):
            letter, style = name, look
    cells = {column["key"]: column["cell"](line) for column in columns}
    if line["convergence"] == "no epochs" and side is not None and side.first.origin != "mollens":
        cells["convergence"] = {"text": NOT_RECORDED, "sort": NOT_RECORDED}
    return {
        "id": key, "side": letter, "glyph": style.glyph if style else "○", "colour": style.colour if style else "",
        "cells": list(cells.values()),
    }  # fmt: skip


def _columns(table: RunsTable, shown: Shown) -> list[Row]:
    """What stands in which column: key, label, unit, help, kind, and what makes its cell."""
    unit = unit_text(shown.unit)
    name = table.measure.upper()
    found = [
        _column("name", "Run", _name, kind="name"),
        _column("n_seeds", "Seeds", lambda line: _count(line["n_seeds"])),
        _column("trained_on", "Trained on", lambda line: _trained(line, table.dataset.name), kind="text"),
        _column("error", name, lambda line: _error(line, shown), unit, f"{name} with 95 % interval, ± over seeds"),
    ]
    found += [
        _column(
            f"group.{group.key}",
            group.label,
            _of_group(group, shown),
            f"n = {number(group.n)}",
            _help(group.n, name, unit),
        )
        for group in table.groups
    ]
    found += [
        _column("mse", "MSE", _mse, unit_text(table.mse_unit), "Mean squared error"),
        _column("train_seconds", "Time", _time, "", "Of training, and of validation"),
        _column("molecules_per_second", "mol/s", _speed, "", "Molecules a second in training"),
        _column("curve", "Validation", _curve, "log", "MAE over the epochs, each on its own axis", "curve"),
        _column("convergence", "State", _state, kind="state"),
        _column("epochs", "Epochs", lambda line: _count(line["epochs"])),
        _column("parameters", "Parameters", _parameters),
    ]
    known = {row["name"]: row for row in field_rows()}
    for field in table.recipe_fields:
        row = known.get(field)
        found.append(_column(f"recipe.{field}", row["title"] if row else field, _field(field, row), kind="text"))
    return found


def _column(key: str, label: str, cell: Any, unit: str = "", told: str = "", kind: str = "number") -> Row:
    return {"key": key, "label": label, "unit": unit, "help": told, "kind": kind, "cell": cell}


def _help(n: int, measure: str, unit: str) -> str:
    few = f"; fewer than {N_POINTS_ONLY}, so nothing can be said" if n < N_POINTS_ONLY else ""
    return f"{measure} in {unit} over the {number(n)} of them{few}"


def _name(line: Row) -> Cell:
    own = "own molecules" if line["own"] else "" if line["known"] else "split not known"
    return {"text": line["name"], "sort": line["name"], "help": ", ".join(line["names"]), "small": own}


def _trained(line: Row, dataset: str) -> Cell:
    """The molecules that it was trained on; of which dataset only where it is another one."""
    text = line["trained_on"].replace(f" of {dataset}", "", 1)
    return {"text": text, "sort": line["n_train"], "help": line["trained_on"]}


def _number(value: float | None, text: str, **more: str) -> Cell:
    known = value is not None and math.isfinite(value)
    return {"text": text if known else "\N{EM DASH}", "sort": value if known else None, **more}


def _count(value: int | None) -> Cell:
    return _number(value, number(value))


def _error(line: Row, shown: Shown) -> Cell:
    spread = line["error_spread"]
    low, high = line["error_low"], line["error_high"]
    told = f"95 %: {shown.text(low)} to {shown.text(high)} {shown.unit}" if low is not None and high is not None else ""
    small = f"± {significant(spread * shown.factor, 2)}" if spread is not None else ""
    return _number(line["error"], shown.text(line["error"]), small=small, help=told)


def _of_group(group: TableGroup, shown: Shown) -> Any:
    few = group.n < N_POINTS_ONLY

    def cell(line: Row) -> Cell:
        value, spread = line.get(f"group.{group.key}"), line.get(f"group.{group.key}.spread")
        small = f"± {significant(spread * shown.factor, 2)}" if spread is not None and not few else ""
        return _number(value, shown.text(value), small=small, tone="few" if few else "")

    return cell


def _mse(line: Row) -> Cell:
    return _number(line["mse"], significant(line["mse"], 3))


def _time(line: Row) -> Cell:
    validation = line["validation_seconds"]
    small = f"+ {duration(validation)}" if validation is not None else ""
    return _number(line["train_seconds"], duration(line["train_seconds"]), small=small, help="training + validation")


def _speed(line: Row) -> Cell:
    value = line["molecules_per_second"]
    return _number(value, number(value) if value is None or value >= 10 else significant(value, 2))


def _parameters(line: Row) -> Cell:
    value = line["parameters"]
    return _number(value, short_count(value) if value else "0")


def _curve(line: Row) -> Cell:
    """The curve as heights from 0 to 1."""
    curve = [value for value in line["curve"] or [] if value is not None]
    low, high = min(curve, default=0.0), max(curve, default=1.0)
    return {"text": "", "sort": curve[-1] if curve else None, "curve": [(v - low) / ((high - low) or 1) for v in curve]}


def _state(line: Row) -> Cell:
    state = line["convergence"] or ""
    some, n = line["not_converged"] or 0, line["n_seeds"]
    told = f"{some} of {n} seeds had not converged" if n > 1 and some else ""
    return {"text": _WORDS.get(state, state), "sort": state, "tone": _TONES.get(state, ""), "help": told}


def _field(name: str, row: Row | None) -> Any:
    def cell(line: Row) -> Cell:
        value = line[f"recipe.{name}"]
        text = "\N{EM DASH}" if value is None else value_text(value, row) if row else str(value)
        sort = None if value is None else value if isinstance(value, int | float) else str(value)
        return {"text": text, "sort": sort}

    return cell


def _flat(table: RunsTable) -> Any:
    """The table without lists, for a CSV; in the target's unit."""
    frame = table.frame
    lists = [name for name, kind in frame.schema.items() if kind.is_nested()]
    return frame.drop(lists)
