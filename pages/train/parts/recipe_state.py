"""What the form of a new run holds: a recipe or a run to start from and what is changed; all of it in the address.

`recipe=NAME` or `from=RUN` says where it starts, each `set=key=value` one changed field, `split=NAME` is short for
`set=split=NAME`. So a link opens a filled form, and every change is one step for the browser's Back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from core.data.splits import list_splits
from core.data.store import Dataset
from core.errors import MollensError
from core.recipes.create import changes
from core.recipes.presets import DEFAULT_PRESET, presets
from core.recipes.recipe import Recipe, validated
from core.runs.folder import Run
from pages.common.appearance import plain
from pages.common.loaders import dataset_entries, load_run
from pages.train.parts.form_address import look, put, seen
from pages.train.parts.recipe_fields import asked, read_value, written

KEYS = (
    "recipe", "from", "set", "split", "by", "seeds", "search", "rates", "with_control", "device", "devices", "csv",
    "tensorboard",
)  # fmt: skip
_HERE = "run_name"
"""key of a widget that is always on the page: while it is known, the reader has not been elsewhere"""
_KEPT = "_new_run_address"
_FAULTS = "_new_run_faults"
_OF_THE_DATA = ("target", "split")


@dataclass(frozen=True, eq=False)
class Base:
    """What the form starts from: a recipe that ships, or that of a run."""

    title: str
    recipe: Recipe
    run: Run | None = None

    @property
    def preset(self) -> Recipe:
        """The shipped recipe that the command line names; the default one where that of a run is not known."""
        known = presets()
        return known[self.recipe.preset if self.recipe.preset in known else DEFAULT_PRESET].recipe


@dataclass(frozen=True, eq=False)
class Draft:
    """The form as it stands."""

    base: Base
    start: dict[str, Any]
    """values of the base, with a target and a split that the dataset has"""
    values: dict[str, Any]
    """present value of every field; of one that does not fit, the last that did"""
    recipe: Recipe | MollensError
    """or the sentence that says why these fields make none"""
    faults: dict[str, str] = field(default_factory=dict)
    """field -> why what stands in it does not fit"""
    typed: dict[str, Any] = field(default_factory=dict)
    """field -> what stands in it and does not fit"""
    last: Recipe | None = None
    """the recipe of the values that fit, to look at while a field does not"""

    @property
    def changed(self) -> list[str]:
        """Fields that differ from the base."""
        return [name for name, value in self.values.items() if value != self.start[name]]

    def asks(self, name: str) -> bool:
        """Whether the field matters for the present choice."""
        return asked(name, self.values)


def arrive() -> Base:
    """Read where the form starts; a reader who comes back from another page finds it as it was left."""
    left = _HERE not in st.session_state and not any(key in st.query_params for key in KEYS)
    if left:
        st.query_params.update(st.session_state.get(_KEPT, {}))
    st.session_state[_KEPT] = {key: st.query_params.get_all(key) for key in KEYS if key in st.query_params}
    wanted = st.query_params.get("from")
    if wanted is not None:
        try:
            return _of_run(load_run(wanted), follow=not left)
        except (MollensError, OSError) as error:
            st.warning(plain(error), icon=":material/info:")
    name = st.query_params.get("recipe", DEFAULT_PRESET)
    if name not in presets():
        st.warning(f"There is no recipe {plain(name)}.", icon=":material/info:")
        name = DEFAULT_PRESET
    return Base(presets()[name].title, presets()[name].recipe)


def _of_run(run: Run, follow: bool) -> Base:
    """The run's recipe; with `follow` its dataset is shown too, where the address names none."""
    recipe = validated(run.recipe_values, f"{run.what}: recipe")
    if follow and "dataset" not in st.query_params:
        if run.dataset_name in {entry.name for entry in dataset_entries()}:
            st.query_params["dataset"] = run.dataset_name
        else:
            st.warning(
                f"Run {plain(run.name)} was trained on the dataset {plain(run.dataset_name)}, which is not here: its "
                "recipe is shown for another one.",
                icon=":material/info:",
            )
    return Base(run.name, recipe, run)


def read_draft(base: Base, dataset: Dataset) -> Draft:
    """The form as the address has it; what cannot be used there is told in a sentence and left out."""
    look()
    start = base.recipe.model_dump()
    known = {"target": _targets(dataset), "split": list_splits(dataset)}
    for name, usual in (("target", "default"), ("split", "default")):
        if start[name] not in known[name]:
            of = f"run {plain(base.title)}" if base.run else "the recipe"
            st.warning(
                f"{plain(dataset.name)} has no {name} {plain(start[name])}, as {of} has; its usual one is taken.",
                icon=":material/info:",
            )
            start[name] = usual
    values = start | _settings(known)
    hidden = [name for name in values if not asked(name, values)]
    values |= {name: start[name] for name in hidden}
    faults = _faults() if st.session_state.get(_FAULTS, {}).get("stamp") == _stamp() else {}
    told = {name: sentence for name, (_, sentence) in faults.items() if asked(name, values)}
    last: Recipe | None = None
    try:
        last = validated(values, "recipe")
    except MollensError as error:  # fields that fit alone but not together
        name, _, rest = str(error).removeprefix("recipe: ").partition(" ")
        told.setdefault(name, rest.removeprefix("is "))
    recipe: Recipe | MollensError = last or MollensError("recipe: it cannot be made")
    if told:
        titles = {name: Recipe.model_fields[name].title if name in Recipe.model_fields else name for name in told}
        recipe = MollensError(" ".join(f"{titles[name]}: {sentence}." for name, sentence in told.items()))
    return Draft(base, start, values, recipe, told, {name: typed for name, (typed, _) in faults.items()}, last)


def _targets(dataset: Dataset) -> list[str]:
    return ["default", *(prop.key for prop in dataset.targets())]


def _settings(known: Mapping[str, list[str]]) -> dict[str, Any]:
    """The settings of the address that can be used; the others are told, and taken out of it."""
    found: dict[str, Any] = {}
    faults: list[str] = []
    for name, text in _pairs():
        if name not in Recipe.model_fields or name == "preset":
            faults.append(f"There is no field {plain(name)} of a recipe.")
        elif name in known and text not in known[name]:
            faults.append(f"There is no {name} {plain(text)}.")
        else:
            try:
                found[name] = read_value(name, text)
            except ValueError as error:
                faults.append(f"{Recipe.model_fields[name].title}: {plain(error)}.")
    if faults:
        st.warning("The address: " + " ".join(faults), icon=":material/info:")
        _write(found)
    return found


def _pairs() -> list[tuple[str, str]]:
    """Field and text of every setting of the address."""
    pairs = [("split", text) for text in seen().get("split", [])]
    for setting in seen().get("set", []):
        name, _, text = setting.partition("=")
        pairs.append((name.strip(), text.strip()))
    return pairs


def _write(settings: Mapping[str, Any], **others: list[str] | None) -> None:
    """Put settings into the address in one step; `others` are parameters to set, None takes one away."""
    put({"split": None, "set": [f"{name}={written(value)}" for name, value in settings.items()], **others})
    if _FAULTS in st.session_state:
        st.session_state[_FAULTS]["stamp"] = _stamp()


def _faults() -> dict[str, tuple[Any, str]]:
    return dict(st.session_state.get(_FAULTS, {}).get("fields", {}))


def _stamp() -> str:
    """What the address says; what was typed into a field does not outlive the way to another address."""
    return repr([(key, seen()[key]) for key in ("dataset", *KEYS) if key in seen()])


def set_field(name: str, value: Any, start: Mapping[str, Any]) -> None:
    """Change one field, for `on_change`; a value that does not fit is remembered with the reason, and left out."""
    faults = _faults()
    faults.pop(name, None)
    try:
        wanted = read_value(name, value)
    except ValueError as error:
        faults[name] = (value, str(error))
        st.session_state[_FAULTS] = {"stamp": _stamp(), "fields": faults}
        return
    st.session_state[_FAULTS] = {"stamp": _stamp(), "fields": faults}
    set_fields({name: wanted}, start)


def set_fields(wanted: Mapping[str, Any], start: Mapping[str, Any]) -> None:
    """Change several fields in one step; those that are as at the start, or no longer matter, leave the address."""
    given = {}
    for name, text in _pairs():  # what stands there now: several fields may change at once
        if name in Recipe.model_fields:
            try:
                given[name] = read_value(name, text)
            except ValueError:
                continue
    given |= wanted
    values = {**start, **given}
    _write({name: value for name, value in given.items() if value != start[name] and asked(name, values)})


def choose_recipe(name: str) -> None:
    """Start from another recipe; target and split stay as they are chosen."""
    st.session_state.pop(_FAULTS, None)
    kept = {key: text for key, text in _pairs() if key in _OF_THE_DATA}
    _write(kept, **{"recipe": [name], "from": None, "search": None, "rates": None, "by": None})


def reset() -> None:
    """Go back to what the form started from."""
    st.session_state.pop(_FAULTS, None)
    _write({})


def changed_titles(draft: Draft) -> str:
    """Titles of the fields that differ from the base: "epochs, learning rate"."""
    named = changes(draft.recipe, draft.base.recipe) if isinstance(draft.recipe, Recipe) else draft.changed
    titles = [str(Recipe.model_fields[name].title) for name in named]
    return ", ".join(title[0].lower() + title[1:] for title in titles)
