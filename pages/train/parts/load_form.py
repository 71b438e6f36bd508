"""What a person decides before a model is loaded: the dataset that judges it, target, unit, database, name."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.data.properties import PROPERTIES, Property
from core.data.reference_units import unit_by_atoms
from core.data.store import Dataset
from core.data.units import fits, units_for
from core.data.uploads import resolve_inside
from core.errors import MollensError
from core.runs.folder import check_run_name
from core.runs.foreign_files import load_command
from core.tasks import start_task
from pages.common.appearance import plain
from pages.common.furniture import card, card_head, empty, note
from pages.common.loaders import dataset_entries, load_dataset
from pages.common.server_files import short
from pages.train.parts.load_source import Chosen, forget_source


def show_form(chosen: Chosen, found: dict[str, Any]) -> None:
    """The form and its button."""
    with card("judge", gap="small"):
        card_head("On what is it judged?", "It can be judged on other datasets later, with `predict`", "judge")
        entries = [entry.name for entry in dataset_entries() if entry.card is not None]
        if not entries:
            empty("There is no dataset.", "no_dataset", "pages/explore/add_data.py", "Add data")
            return
        grid = st.grid(3, min_column_width=220, gap="small")
        dataset = load_dataset(
            grid.cell().selectbox("Dataset", entries, index=_first(entries, found), key="load_dataset")
        )
        target = _target(grid.cell(), dataset, found)
        name = grid.cell().text_input("Name of the run", _name(chosen, found), key="load_name", max_chars=80).strip()
        if target is None:
            note(
                f"{plain(dataset.name)} has no property that a model of {plain(found['output'])} could be judged on.",
                "no_target",
                "notice",
            )
            return
        unit, unit_known = _unit(dataset, target, found)
        database, fault = _database(chosen, found)
        confirmed = _confirmed(dataset, target, found, bool(found["split"] and (found["database"] or database)))
        try:
            check_run_name(name)
        except MollensError as error:
            fault = str(error)
        if fault:
            st.caption(f":red[{plain(fault)}]")
        ready = unit_known and confirmed and not fault
        options = {
            "target": target.key if target.key != found["output"] else None,
            "unit": unit if unit != found["unit"] else None,
            "database": database,
        }
        if st.button(
            "Load and judge", type="primary", icon=":material/download:", disabled=not ready, key="load_start"
        ):
            _start(chosen, name, dataset, options)
        if ready:
            st.code(load_command(_command_path(chosen), name, dataset.name, **options), "bash", wrap_lines=True)


def _first(entries: list[str], found: dict[str, Any]) -> int:
    """The dataset offered first: one that has what the model predicts, demo only if no other has it."""
    having = [k for k, name in enumerate(entries) if found["output"] in load_dataset(name).molecules.columns]
    others = [k for k in having if entries[k] != "demo"]
    return (others or having or [0])[0]


def _target(cell: Any, dataset: Dataset, found: dict[str, Any]) -> Property | None:
    """The property of the dataset that the model predicts: one number per molecule, in a unit that fits."""
    keys = [p.key for p in dataset.card.properties if not p.per_atom and p.shape == ()]
    unit = found["unit"]
    possible = [key for key in keys if unit is None or fits(unit, dataset.property(key).unit)]
    if not possible:
        return None
    wanted = possible.index(found["output"]) if found["output"] in possible else None
    key = cell.selectbox(
        "It predicts", possible, index=wanted, format_func=lambda key: dataset.property(key).label,
        placeholder=f"what is called {found['output']} there", key=f"load_target_{dataset.name}",
    )  # fmt: skip
    return dataset.property(key) if key else None


def _unit(dataset: Dataset, target: Property, found: dict[str, Any]) -> tuple[str | None, bool]:
    """The unit of the model's output, asked for where its files do not say it; whether it is known now."""
    if found["unit"] or not target.unit:
        return found["unit"], True
    units = units_for(target.unit)
    told = unit_by_atoms(found["reference"], dataset.card.atomic_energies.get(target.key, {}), target.unit)
    unit = st.selectbox(
        f"Unit of what it predicts: {target.label}", units, index=units.index(told) if told else None,
        placeholder="no file says it", key=f"load_unit_{dataset.name}_{target.key}",
        help="The unit that property_units of its config.yaml names, or that of its database",
    )  # fmt: skip
    if told:
        st.caption(f"Its atomic energies are those of {plain(dataset.name)} in {plain(told)}.")
    return unit, unit is not None


def _database(chosen: Chosen, found: dict[str, Any]) -> tuple[str | None, str]:
    """The path of the database that it was trained on, where it is asked for; and what is wrong with it."""
    if found["split_known"] or not found["split"]:
        return None, ""
    text = st.text_input(
        "Database that it was trained on, if you have it", key="load_database",
        placeholder="path on the server, e.g. qm9.db",
        help="The ASE database of its training. Its molecules are recognised by geometry, so that none that it has "
        "learned counts as held out.",
    ).strip()  # fmt: skip
    if not text:
        return None, ""
    try:
        return str(resolve_inside(text)), ""
    except MollensError as error:
        return None, str(error)


def _confirmed(dataset: Dataset, target: Property, found: dict[str, Any], compared: bool) -> bool:
    """Whether it is known that the model has learned labels of the dataset's level of theory."""
    level = dataset.card.level_of_theory
    if found["level_of_theory"]:
        if found["level_of_theory"] != level:
            note(
                f"It has learned {plain(found['level_of_theory'])}, and the labels of {plain(dataset.name)} are "
                f"{plain(level)}. Levels of theory are never compared; choose a dataset of its own level.",
                "other_level",
                "notice",
            )
        return bool(found["level_of_theory"] == level)
    if compared:
        st.caption(
            f"The labels of its database are compared with those of {plain(dataset.name)}, {plain(level)}, while it is "
            "loaded; others are refused."
        )
        return True
    label = PROPERTIES[target.key].label if target.key in PROPERTIES else target.label
    return st.checkbox(
        f"It has learned: {plain(label)}, {plain(level)}", key=f"load_level_{dataset.name}_{target.key}",
        help="Levels of theory are never compared. Without its database this cannot be checked.",
    )  # fmt: skip


def _name(chosen: Chosen, found: dict[str, Any]) -> str:
    """A name to begin with: that of its folder, or network and target."""
    kind = {"schnet": "SchNet", "painn": "PaiNN"}.get(found["network"]["kind"], "model")
    if chosen.upload is None and chosen.path.is_dir():
        return f"{kind} {chosen.path.name}"[:80]
    return f"{kind}, {found['output']}"[:80]


def _command_path(chosen: Chosen) -> str:
    if chosen.upload is None:
        return short(chosen.path) if not short(chosen.path).startswith("MOLLENS_HOME") else str(chosen.path)
    return chosen.path.name if chosen.path.is_file() else "RUN_FOLDER"


def _start(chosen: Chosen, name: str, dataset: Dataset, options: dict[str, str | None]) -> None:
    """Start loading in the background and forget the choice."""
    arguments = {"path": str(chosen.path), "run_name": name, "dataset": dataset.name, **options}
    try:
        start_task("load-model", f"{name} on {dataset.name}", arguments)
    except MollensError as error:
        st.error(plain(error), icon=":material/error:")
        return
    forget_source()
    st.rerun()
