"""What a table of predictions holds for a dataset, what is wrong with it, and the start of loading it."""

from __future__ import annotations

import re
import shlex
from dataclasses import asdict
from pathlib import Path

import streamlit as st

from core.data.predicted import MOST_UNKNOWN, Choices, Inspection
from core.data.store import Dataset
from core.data.uploads import upload_key
from core.errors import MollensError
from core.figures.numbers import number, quantity, unit_text
from core.runs.folder import check_run_name
from core.tasks import start_task
from pages.common.appearance import plain
from pages.common.furniture import Fact, card, card_head, facts, note
from pages.common.loaders import load_runs
from pages.train.parts.load_source import forget_source
from pages.train.parts.predictions_form import begun

_OPTIONS = re.compile(r" \(--[^)]*\)")


def show_found(found: Inspection, dataset: Dataset, target: str, source: str) -> None:
    """What will be loaded, what is wrong with it, and two ways to overrule a refusal.

    Args:
        source: tells one file from another, so that answers for one are not taken for the next.
    """
    prop = dataset.property(target)
    with card("predictions_found", gap="small"):
        card_head("What will be loaded", plain(f"{found.format}, {number(found.n_rows)} rows"), "predictions_found")
        rows = [Fact("Molecules", number(found.n_matched))]
        rows += [Fact(f"{part.capitalize()}", number(n)) for part, n in found.parts.items()]
        rows += [Fact("Ids not in the dataset", number(found.n_unknown))] if found.n_unknown else []
        rows += [Fact("Without a number", number(found.n_missing))] if found.n_missing else []
        for key, label in (("median", "Median error"), ("p95", "95 % are below"), ("largest", "Largest error")):
            if key in found.errors:
                value, unit = quantity(found.errors[key], prop.unit)
                rows.append(Fact(label, value, unit))
        facts(rows)
        if found.errors:
            st.caption(
                "Errors over all of these molecules, seen or not: they tell whether units and ids are right, no more."
            )
        for k, sentence in enumerate(found.warnings):
            note(words_of(sentence), f"predictions_warning_{k}", "notice")
        for k, sentence in enumerate(found.problems):
            note(words_of(sentence), f"predictions_problem_{k}", "failed")
        if found.n_unknown > MOST_UNKNOWN * found.n_rows:
            st.checkbox(
                f"Leave out the {number(found.n_unknown)} ids that are not in {plain(dataset.name)}",
                key=_key("unknown", source),
            )
        if found.doubted:
            st.checkbox("Load the values as they are, although they do not fit", key=_key("anyway", source))
        if found.first:
            _show_first(found, prop.unit)


def overruled(choices: Choices, source: str) -> Choices:
    """The choices with the refusals that the reader has overruled in the card of `show_found`."""
    told = asdict(choices)
    told |= {"most_unknown": 1.0} if st.session_state.get(_key("unknown", source)) else {}
    told |= {"anyway": True} if st.session_state.get(_key("anyway", source)) else {}
    return Choices(**told)


def _key(what: str, source: str) -> str:
    return f"predictions_{what}_{source}"


def _show_first(found: Inspection, unit: str) -> None:
    shown = f" [{unit_text(unit)}]" if unit else ""
    table = []
    for row in found.first:
        predicted, label = row["predicted"], row["label"]
        both = isinstance(predicted, float) and isinstance(label, float)
        table.append(
            {
                "id": row["id"],
                "in the file": row["value"],
                **({f"prediction{shown}": predicted} if predicted is not None else {}),
                f"label{shown}": label,
                **({f"error{shown}": predicted - label} if both else {}),  # type: ignore[operator]
                "part": row["part"] or "not known",
            }
        )
    st.dataframe(table, hide_index=True, width="stretch", row_height=28)


def words_of(sentence: str) -> str:
    """A sentence of the command line for a page: without its options."""
    text = _OPTIONS.sub("", sentence)
    return plain(begun(text) + ".")


def show_start(
    found: Inspection,
    path: Path,
    dataset: Dataset,
    target: str,
    choices: Choices,
    source: str,
) -> None:
    """The name, the button and the command."""
    with card("predictions_start", gap="small"):
        left, right = st.columns([2, 1], gap="medium", vertical_alignment="bottom")
        name = left.text_input(
            "Name of the run", _free_name(path), key=f"predictions_name_{source}", max_chars=80
        ).strip()
        fault = ""
        try:
            check_run_name(name)
        except MollensError as error:
            fault = str(error)
        ready = not fault and not found.problems
        if right.button(
            "Load", type="primary" if ready else "secondary", icon=":material/add:", disabled=not ready,
            width="stretch", key="predictions_load",
        ):  # fmt: skip
            _start(path, dataset, target, name, choices)
        if fault:
            st.caption(f":red[{plain(fault)}]")
        elif found.problems:
            st.caption("What stands in red above has to be settled first.")
        if ready:
            st.code(_command(path, dataset, target, name, choices), language="bash", wrap_lines=True)


def _free_name(path: Path) -> str:
    stem = (
        re.sub(r"(\.(csv|tsv|txt|dat|parquet|pq|gz|bz2|xz))+$", "", path.name, flags=re.IGNORECASE)[:60]
        or "predictions"
    )
    taken = {run.name for run in load_runs() if run.error is None}
    return next(name for k in range(1, 1000) if (name := stem if k == 1 else f"{stem} {k}") not in taken)


def _command(path: Path, dataset: Dataset, target: str, name: str, choices: Choices) -> str:
    """The command line that loads the same."""
    file = path.name if upload_key(path) else str(path)
    words = ["python", "-m", "core", "load-predictions", file, "--dataset", dataset.name, "--target", target]
    words += ["--name", name]
    for option, value in (
        ("--id-column", choices.id_column), ("--value-column", choices.value_column), ("--unit", choices.unit),
        ("--kind", choices.kind), ("--ids-are", choices.ids_are), ("--split", choices.split),
        ("--split-column", choices.split_column),
    ):  # fmt: skip
        words += [option, value] if value is not None else []
    words += ["--most-unknown", f"{choices.most_unknown:g}"] if choices.most_unknown != MOST_UNKNOWN else []
    return shlex.join(words + (["--anyway"] if choices.anyway else []))


def _start(path: Path, dataset: Dataset, target: str, name: str, choices: Choices) -> None:
    arguments = {
        "source": str(path), "dataset": dataset.name, "target": target, "run": name, "choices": asdict(choices),
    }  # fmt: skip
    try:
        start_task("load-predictions", f"Predictions {name}", arguments)
    except MollensError as error:
        st.error(plain(error), icon=":material/error:")
        return
    forget_source()
    st.rerun()
