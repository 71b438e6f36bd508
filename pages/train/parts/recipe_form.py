"""The form of a recipe, made from the recipe's own fields: title, help, limits and group stand there."""

from __future__ import annotations

import re
from typing import Any

import streamlit as st

from core.data.splits import list_splits
from core.data.store import Dataset
from core.errors import MollensError
from core.recipes.presets import Preset
from core.recipes.recipe import Recipe, validated
from pages.common.appearance import plain
from pages.common.furniture import card, card_head

GROUPS = {
    "Data": "What is learned, and from which molecules",
    "Network": "What learns",
    "Training": "How it learns",
    "More": "Schedule, averaging, early stopping",
}
_NOT_ASKED = ("preset",)
_FOR_NETWORKS = ("n_atom_basis", "n_interactions", "n_rbf", "cutoff", "neighbour_cutoff", "reference")
_WORDS = {
    "composition": "composition", "schnet": "SchNet", "painn": "PaiNN", "atomic_energies": "atomic energies",
    "mse": "squared", "mae": "absolute", "huber": "Huber",
}  # fmt: skip


def recipe_form(preset: Preset, dataset: Dataset) -> Recipe | MollensError:
    """Ask for every field, starting from a preset.

    Returns:
        The recipe, or the sentence that says why the fields make none.
    """
    schema: dict[str, dict[str, Any]] = Recipe.model_json_schema()["properties"]
    values: dict[str, Any] = {"preset": preset.name}
    model = st.session_state.get(_key(preset, "model"), preset.recipe.model)
    for group, caption in GROUPS.items():
        names = [
            name
            for name, field in schema.items()
            if field.get("group") == group and name not in _NOT_ASKED and _asked(name, group, model)
        ]
        if not names:
            continue
        if group == "More":
            with st.expander("Schedule, averaging, early stopping", icon=":material/tune:"):
                values |= _fields(names, schema, preset, dataset)
        else:
            with card(f"form_{group.lower()}", gap="small"):
                card_head(group, caption, f"form_{group.lower()}")
                values |= _fields(names, schema, preset, dataset)
    try:
        return validated({**preset.recipe.model_dump(), **values}, "recipe")
    except MollensError as error:
        return MollensError(_in_words(str(error)))


def _in_words(text: str) -> str:
    """A refusal with the field's title in place of its key: "Learning rate is 50; it must be ..."."""
    key, _, rest = text.removeprefix("recipe: ").partition(" ")
    title = Recipe.model_fields[key].title if key in Recipe.model_fields else key
    return f"{title} " + re.sub("^is '([^']*)'", r"is \1", rest)


def _asked(name: str, group: str, model: str) -> bool:
    """A linear fit has no network and no steps."""
    if model != "composition":
        return True
    return name == "seed" or (name not in _FOR_NETWORKS and group in ("Data", "Network"))


def _key(preset: Preset, name: str) -> str:
    return f"recipe_{preset.name}_{name}"


def forget(preset: Preset) -> None:
    """Go back to the preset's own values."""
    for name in Recipe.model_fields:
        st.session_state.pop(_key(preset, name), None)


def _fields(names: list[str], schema: dict[str, Any], preset: Preset, dataset: Dataset) -> dict[str, Any]:
    """Two fields in a row, a choice of few words in a row of its own."""
    values: dict[str, Any] = {}
    grid = st.grid(2, min_column_width=150, gap="small")
    for name in names:
        with grid.cell():
            values[name] = _field(name, schema[name], preset, dataset)
    return values


def _field(name: str, field: dict[str, Any], preset: Preset, dataset: Dataset) -> Any:
    start = getattr(preset.recipe, name)
    key = _key(preset, name)
    unit = f", {field['unit']}" if field.get("unit") else ""
    now = st.session_state.get(key, start)
    changed = not _same(now, start)
    common: dict[str, Any] = {
        "label": f"{field['title']}{unit}{' :gray-badge[changed]' if changed else ''}",
        "key": key,
        "help": plain(f"{field.get('description', '')}{_limits(field)}"),
        "persist_state": "session",
    }
    if name == "target":
        keys = [prop.key for prop in dataset.targets()]
        if not keys:
            return start
        labels = {prop.key: f"{prop.label}{f' ({prop.unit})' if prop.unit else ''}" for prop in dataset.targets()}
        default = start if start in keys else dataset.card.default_target
        common["key"] = f"{key}_{dataset.name}"
        chosen = st.selectbox(
            options=keys, index=keys.index(default) if default in keys else 0, format_func=labels.__getitem__, **common
        )
        return "default" if chosen == dataset.card.default_target else chosen
    if name == "split":
        names = list_splits(dataset)
        asked = st.query_params.get("split", start)
        if asked not in names:
            st.warning(f"There is no split {plain(asked)}.", icon=":material/info:")
            asked = start
        common["key"] = f"{key}_{dataset.name}_{asked}"  # a link that names another split sets the field anew
        return st.selectbox(options=names, index=names.index(asked) if asked in names else 0, **common)
    if "enum" in field:
        options = field["enum"]
        return st.selectbox(
            options=options, index=options.index(start), format_func=lambda word: _WORDS.get(word, word), **common
        )
    if field.get("type") == "integer":
        # without limits of its own the widget passes on what was typed, and the recipe says what is wrong with it
        return st.number_input(value=start, step=1, format="%d", **common)
    return st.text_input(value=f"{start:g}", **common).strip()


def _limits(field: dict[str, Any]) -> str:
    """The range of a field in words, " (1 to 1,024)"; nothing where it has none."""
    low = field.get("minimum", field.get("exclusiveMinimum"))
    high = field.get("maximum", field.get("exclusiveMaximum"))
    if low is None and high is None:
        return ""
    above = "above " if "minimum" not in field and low is not None else ""
    upper = "" if high is None else f"{' and below' if 'exclusiveMaximum' in field else ' to'} {high:,g}"
    return f" ({above}{'' if low is None else f'{low:,g}'}{upper})"


def _same(now: Any, start: Any) -> bool:
    try:
        return float(now) == float(start)
    except (TypeError, ValueError):
        return bool(now == start)
