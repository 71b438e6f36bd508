"""What the columns of a table of predictions are: guesses with their reasons, which the reader takes or changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from core.data.predicted import IDS_ARE, KINDS, Choices, Guess, Inspection, kinds_for, possible_targets
from core.data.splits import list_splits
from core.data.store import Dataset
from core.data.units import units_for
from core.errors import MollensError
from core.figures.numbers import unit_text
from pages.common.appearance import plain
from pages.common.loaders import dataset_entries, load_dataset

_SEEN = {
    "split": "Trained on a split of this dataset",
    "column": "A column of the file says it",
    "unknown": "Nobody knows",
}


def ask_what(source: str) -> tuple[Dataset, str]:
    """The dataset and the property that were predicted."""
    left, right = st.columns(2, gap="medium")
    names = [entry.name for entry in dataset_entries() if entry.card is not None]
    if not names:
        raise MollensError("datasets: there is none; add the molecules that were predicted first")
    wanted = st.query_params.get("dataset")
    name = left.selectbox(
        "Dataset that was predicted", names, index=names.index(wanted) if wanted in names else 0,
        key=f"predictions_dataset_{source}", help="Its labels tell the errors; ids of the file are its ids",
    )  # fmt: skip
    st.query_params["dataset"] = name
    dataset = load_dataset(name)
    targets = {prop.key: prop for prop in possible_targets(dataset)}
    if not targets:
        raise MollensError(f"dataset {name}: has no property with one number per molecule, nothing to judge")
    usual = dataset.card.default_target
    key = right.selectbox(
        "Property", list(targets), index=list(targets).index(usual) if usual in targets else 0,
        format_func=lambda each: targets[each].label, key=f"predictions_target_{source}_{name}",
    )  # fmt: skip
    return dataset, key


def ask_columns(look: Callable[[Choices], Inspection], dataset: Dataset, target: str, source: str) -> Choices:
    """What the columns are; None stands for the guess, which is shown with its reason.

    Args:
        look: inspects the file, for the guesses.
        source: tells one file from another, so that answers for one are not taken for the next.
    """
    first = look(Choices())
    key = f"predictions_{source}_{dataset.name}_{target}"
    names, prop = list(first.columns), dataset.property(target)
    grid = st.grid(3, min_column_width=230, gap="small")
    with grid.cell():
        ids = _pick("Ids", names, first.id_column, f"{key}_id", first)
        _reason(first.id_column, ids)
    with grid.cell():
        value = _pick("Predictions", names, first.value_column, f"{key}_value", first)
        _reason(first.value_column, value)
    with grid.cell():
        ids_are = st.selectbox("Ids are", list(IDS_ARE), key=f"{key}_ids_are", format_func=IDS_ARE.__getitem__)
    with grid.cell():
        kind = st.selectbox(
            "They are", kinds_for(dataset, prop), key=f"{key}_kind",
            format_func=lambda each: prop.label if each == "target" else KINDS[each],
        )  # fmt: skip
    choices = Choices(
        id_column=ids, value_column=value, kind=None if kind == "target" else kind,
        ids_are=None if ids_are == "ids" else ids_are,
    )  # fmt: skip
    with grid.cell():
        unit = _ask_unit(look(choices).unit, prop.unit, key)
    split, split_column = _ask_seen(first, dataset, key)
    return replace(choices, unit=unit, split=split, split_column=split_column)


def _ask_unit(guess: Guess, house: str, key: str) -> str | None:
    """The unit in the file; None for the guess, or for a pure number."""
    if not house:
        return None
    unit = st.selectbox(
        "Unit in the file", ["", *units_for(house)], key=f"{key}_unit",
        format_func=lambda each: unit_text(each) if each else _guessed(guess),
    )  # fmt: skip
    _reason(guess, unit)
    return unit or None


def _pick(label: str, names: list[str], guess: Guess, key: str, first: Inspection) -> str | None:
    """A column; None for the guess."""

    def shown(name: str) -> str:
        return f"{name} · {first.columns[name]}" if name else _guessed(guess)

    return st.selectbox(label, ["", *names], key=key, format_func=shown) or None


def _guessed(guess: Guess) -> str:
    return f"{unit_text(guess.value)} (guess)" if guess.value else "choose one"


def begun(words: str) -> str:
    """A sentence with a capital letter at its begin, where it begins with a word: eV stays eV."""
    return words[:1].upper() + words[1:] if words[:2].islower() else words


def _reason(guess: Guess, chosen: str | None) -> None:
    if not chosen:
        words = guess.reason if len(guess.reason) < 130 else f"{guess.reason[:127]}..."
        st.caption(plain(begun(words)))


def _ask_seen(first: Inspection, dataset: Dataset, key: str) -> tuple[str | None, str | None]:
    """What the model has seen: a split of the dataset, or a column of the file."""
    guess = first.split_column.value
    known = st.radio(
        "Which molecules has the model seen?", list(_SEEN), index=1 if guess else 2, format_func=_SEEN.__getitem__,
        key=f"{key}_seen", horizontal=True,
    )  # fmt: skip
    if known == "unknown":
        st.caption("Errors may then be those of its own training molecules, and no verdict is given.")
        return None, ""
    left = st.columns([1, 2])[0]
    if known == "split":
        return left.selectbox("Split", list_splits(dataset), key=f"{key}_split"), None
    names = list(first.columns)
    column = left.selectbox(
        "Column that says train, validation or test",
        names,
        index=names.index(guess) if guess else None,
        key=f"{key}_part",
    )
    return None, column
