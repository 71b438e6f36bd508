"""The form of a recipe, made from the recipe's own fields: title, help, unit, limits and group stand there."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.data.splits import list_splits
from core.data.store import Dataset
from core.figures.numbers import number, unit_text
from core.recipes.network_sizes import network_sizes
from pages.common.appearance import plain
from pages.common.furniture import card, card_head
from pages.train.parts.form_address import kept_switch, show
from pages.train.parts.recipe_fields import limits, read_value, schema, written
from pages.train.parts.recipe_state import Draft, set_field

GROUPS = {
    "Data": "What is learned, and how the molecules are divided",
    "Sampling": "Which of the training molecules are learned from",
    "Weights": "How much one molecule counts",
    "Network": "What learns",
    "Training": "How it learns",
    "More": "Schedule, averaging, early stopping, speed",
}
_WORDS = {
    "composition": "composition", "schnet": "SchNet", "painn": "PaiNN", "atomic_energies": "atomic energies",
    "mse": "squared", "mae": "absolute", "huber": "Huber", "none": "all alike", "size": "size",
    "size_frequency": "size and frequency", "inverse_frequency": "1 / frequency",
    "effective_number": "effective number", "loss": "the loss", "sampling": "the drawing",
}  # fmt: skip
_FORMULAS = {
    "size": "v = (s − 7)ʳ / 10ʳ⁺¹ + 1 for s atoms: the thesis's weight by size",
    "size_frequency": "v = log(sʳ / 10ʳ⁺¹ − r / 4.5) for s atoms, as the thesis prints it; no frequency occurs in it",
    "inverse_frequency": "v = 1 / nʳ for n training molecules that are alike",
    "effective_number": "v = (1 − β) / (1 − βⁿ) for n training molecules that are alike (Cui et al., 2019)",
}
_LOGS = {
    "csv": ("CSV log", "Also write the metrics as CSV files into the run's folder"),
    "tensorboard": ("TensorBoard log", "Also write event files that TensorBoard reads"),
}
_WIDE = ("target", "weighting")


def recipe_form(draft: Draft, dataset: Dataset) -> None:
    """Ask for every field that matters; what is typed goes into the address, see `recipe_state`."""
    _mark(draft)
    for group, caption in GROUPS.items():
        names = [
            name for name, field in schema().items() if field.get("group") == group and _shown(name, draft, dataset)
        ]
        if not names:
            continue
        if group == "More":
            changed = sum(name in draft.changed for name in names)
            mark = f" · {changed} changed" if changed else ""
            fault = any(name in draft.faults for name in names)
            with st.expander(f"{caption}{mark}", icon=":material/tune:", key="form_more", expanded=fault):
                _fields(names, draft, dataset)
                _logs(draft)
            continue
        with card(f"form_{group.lower()}"):
            card_head(group, _network(draft) or caption if group == "Network" else caption, f"form_{group.lower()}")
            _fields(names, draft, dataset)
            formula = _FORMULAS.get(draft.values["weighting"]) if group == "Weights" else None
            if formula:
                st.caption(formula)


def _shown(name: str, draft: Draft, dataset: Dataset) -> bool:
    if name == "preset" or not draft.asks(name):
        return False
    if name == "reference":  # only what is a sum over atoms has one
        return _output(draft, dataset) == "sum"
    return True


def _output(draft: Draft, dataset: Dataset) -> str | None:
    wanted = draft.values["target"]
    key = dataset.card.default_target if wanted == "default" else wanted
    return next((prop.output for prop in dataset.targets() if prop.key == key), None)


def _network(draft: Draft) -> str:
    """How many numbers the network learns."""
    if draft.values["model"] == "composition":
        return "A linear fit of the atom counts"
    return f"{number(network_sizes(draft.values).learned)} numbers are learned"


def _mark(draft: Draft) -> None:
    """The word "changed" beside a title, a red frame around what does not fit.

    By rules of style: a title that changes, or another container, would take the focus away from who is typing.
    """
    rules = []
    marked = [name for name in draft.values if name in draft.changed or name in draft.faults]
    if marked:
        rules.append(", ".join(f".st-key-field_{name} label p::after" for name in marked))
        rules[-1] += ' { content: "changed"; }'
    if draft.faults:
        frames = (f'.st-key-field_{name} :is([data-baseweb], [data-testid$="Container"])' for name in draft.faults)
        rules.append(", ".join(frames) + " { border-color: var(--mo-failed) !important; }")
    st.html(f"<style>{' '.join(rules)}</style>")


def _fields(names: list[str], draft: Draft, dataset: Dataset) -> None:
    """Two fields in a row, switches below; a choice of long words, or that decides what else is asked, stands alone."""
    switches = [name for name in names if schema()[name].get("type") == "boolean"]
    for name in names:
        if name in _WIDE:
            _field(name, draft, dataset)
    grid = st.grid(2, min_column_width=150, gap="small")
    for name in names:
        if name not in _WIDE and name not in switches:
            with grid.cell():
                _field(name, draft, dataset)
    if switches:
        with st.container(horizontal=True, gap="medium", key=f"switches_{switches[0]}"):
            for name in switches:
                _field(name, draft, dataset)


def _field(name: str, draft: Draft, dataset: Dataset) -> None:
    field = schema()[name]
    value = draft.typed.get(name, draft.values[name])
    is_changed = name in draft.faults or draft.values[name] != draft.start[name]
    unit = f", {field['unit']}" if field.get("unit") and field["unit"] != str(field["title"]).lower() else ""
    common: dict[str, Any] = {
        "label": f"{field['title']}{unit}",
        "key": f"field_{name}",
        "help": plain(_help(name, field, draft, is_changed)),
    }
    if name in ("target", "split"):
        _choice(name, _options(name, draft, dataset), value, draft, common)
    elif "enum" in field:
        _choice(name, {each: _WORDS.get(each, each) for each in field["enum"]}, value, draft, common)
    elif field["type"] == "boolean":
        show(common["key"], value)
        st.toggle(**common, on_change=_changed, args=(name, draft.start))
    elif field["type"] == "integer":
        # without limits of its own the widget passes on what was typed, and the recipe says what is wrong with it
        show(common["key"], value)
        st.number_input(**common, value=None, step=1, format="%d", on_change=_changed, args=(name, draft.start))
    else:
        show(common["key"], "" if value is None else value if isinstance(value, str) else written(float(value)))
        st.text_input(**common, max_chars=30, on_change=_changed, args=(name, draft.start))
    if name in draft.faults:
        st.markdown(f":small[:red[{plain(draft.faults[name])}]]")


def _choice(name: str, labels: dict[str, str], value: Any, draft: Draft, common: dict[str, Any]) -> None:
    show(common["key"], value if value in labels else next(iter(labels)))
    st.selectbox(
        options=list(labels), format_func=labels.__getitem__, on_change=_changed, args=(name, draft.start), **common
    )


def _changed(name: str, start: dict[str, Any]) -> None:
    value = st.session_state[f"field_{name}"]
    set_field(name, value.strip() if isinstance(value, str) else value, start)


def _options(name: str, draft: Draft, dataset: Dataset) -> dict[str, str]:
    """What can be chosen, with the words for it: targets that a network has an output for, or splits."""
    if name == "split":
        return {each: each for each in list_splits(dataset)}
    labels = {}
    for prop in dataset.targets():
        usual = prop.key == dataset.card.default_target and draft.start["target"] != prop.key
        text = f"{prop.label} ({unit_text(prop.unit)})" if prop.unit else prop.label
        labels["default" if usual else prop.key] = text
    return labels or {"default": "none that can be learned"}


def _help(name: str, field: dict[str, Any], draft: Draft, is_changed: bool) -> str:
    text = str(field.get("description", ""))
    if "enum" not in field and field["type"] in ("integer", "number") and limits(name):
        text += f"; {limits(name)}"
    if is_changed:
        before = draft.start[name]
        shown = _WORDS.get(before, before) if isinstance(before, str) else written(read_value(name, before))
        text += f". {'The run' if draft.base.run else 'The recipe'} has: {shown}"
    return text[:1].upper() + text[1:]


def _logs(draft: Draft) -> None:
    """Logs for other programs; a clone begins with those of its run."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        for log, (label, told) in _LOGS.items():
            st.toggle(label, help=told, **kept_switch(log, _usual(log, draft)))


def _usual(log: str, draft: Draft) -> bool:
    return draft.base.run is not None and log in draft.base.run.logs


def chosen_logs(draft: Draft) -> list[str]:
    """Logs that the run will write for other programs."""
    return [log for log in _LOGS if st.query_params.get(log, "1" if _usual(log, draft) else "0") == "1"]
