"""What was found in a model before it is loaded: its network, what it adds, what is missing; found by a task."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.data.properties import PROPERTIES
from core.data.uploads import remove_upload
from core.errors import MollensError
from core.figures.numbers import number, quantity
from core.tasks import Task, list_tasks, read_task, reap_children, remove_task, start_task
from pages.common.appearance import plain
from pages.common.furniture import Fact, card, facts, note, progress
from pages.train.parts.load_form import show_form
from pages.train.parts.load_source import Chosen, forget_source

_KEPT_LOOKS = 20
NETWORKS = {"schnet": "SchNet", "painn": "PaiNN"}
_POOLINGS = {"sum": "sum over atoms", "mean": "mean over atoms", "dipole": "norm of the dipole"}


def show_inspection(chosen: Chosen) -> None:
    """The card of the chosen model, and the form once it is known what it is."""
    task = looked_into(chosen)
    with card("found", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
            with st.container(gap=None, width="stretch", key="head_found"):
                st.subheader(plain(chosen.shown), anchor=False)
            if st.button("Another model", icon=":material/undo:", type="tertiary", key="load_other"):
                if chosen.upload is not None:
                    remove_upload(chosen.upload)
                forget_source()
                st.rerun()
        if task.status.active:
            st.fragment(wait_for, run_every="0.5s")(task.id)
            return
        ready = show_found(chosen, task)
    if ready:
        show_form(chosen, task.status.result)


def looked_into(chosen: Chosen) -> Task:
    """The task that looks into the chosen model, started unless the address names it; torch stays out here."""
    reap_children()
    known = st.query_params.get("looked")
    if known:
        try:
            task = read_task(known)
            if task.kind == "inspect-model" and task.arguments.get("path") == str(chosen.path):
                return task
        except MollensError:
            pass  # removed meanwhile
    former = [task for task in list_tasks() if task.error is None and task.kind == "inspect-model"]
    for old in former[_KEPT_LOOKS:]:  # newest first; somebody else may still look at the last ones
        if not old.status.active:
            remove_task(old)
    task = start_task("inspect-model", f"Look into {chosen.path.name}", {"path": str(chosen.path)})
    st.query_params["looked"] = task.id
    return task


def wait_for(task_id: str) -> None:
    """What stands there while the task is at work."""
    reap_children()
    if not read_task(task_id).status.active:
        st.rerun()
    progress(0.0, "", "looking into it; nothing of it is run")


def show_found(chosen: Chosen, task: Task) -> bool:
    """What the task has found; False where the model cannot be loaded."""
    status = task.status
    if status.state != "finished":
        words = status.error.replace(f"{chosen.path}: ", "") or f"It was {status.state}; choose it again."
        note(f"**Not loaded.** {plain(words[:1].upper() + words[1:])}", "refused", "failed")
        return False
    try:
        show_facts(status.result)
    except (KeyError, TypeError, ValueError):
        note("**Not readable.** Another version of Mollens has looked into it; choose it again.", "old", "failed")
        return False
    return True


def show_facts(found: dict[str, Any]) -> None:
    """The model in numbers, and in sentences what is missing."""
    network, split, database, log = found["network"], found["split"], found["database"], found["log"]
    kind = NETWORKS.get(network["kind"], network["kind"])
    label = PROPERTIES[found["output"]].label if found["output"] in PROPERTIES else found["output"]
    version = f" of SchNetPack {plain(found['schnetpack'])}" if found["schnetpack"] else ""
    unit = f" in {plain(found['unit'])}" if found["unit"] else ""
    st.markdown(f"**{kind}**{version}, predicts **{plain(label)}**{unit}, {_POOLINGS[network['pooling']]}")
    rows = [
        Fact("Features", number(network["n_atom_basis"])),
        Fact("Interactions", number(network["n_interactions"])),
        Fact("Radial functions", number(network["n_rbf"])),
        Fact("Cutoff", f"{network['cutoff']:g}", "Å"),
        Fact("Numbers", number(network["n_parameters"])),
    ]
    if found["neighbour_cutoff"] != network["cutoff"]:
        rows.insert(4, Fact("Neighbours within", f"{found['neighbour_cutoff']:g}", "Å"))
    if split:
        rows += [Fact("Trained on", number(split["train"])), Fact("Validated on", number(split["validation"]))]
    if log:
        rows.append(Fact("Epochs", number(log["epochs"])))
        if found["unit"] == "eV":
            rows.append(Fact("Its validation MAE", *quantity(log["best_mae"], "eV")))
    facts(rows)
    told = []
    adds = [plain(words) for words in found["adds"]]
    told.append(
        f"Adds {_listed(adds)} to what the network gives." if adds else "Adds nothing to what the network gives."
    )
    if found["split_known"]:
        source = "the export" if found["seen"] else plain(database["path"].rpartition("/")[2])
        told.append(
            f"Its {number(split['train'] + split['validation'])} training and validation molecules are read from "
            f"{source} and recognised by geometry in any dataset."
        )
    if found["level_of_theory"]:
        told.append(f"Its files say that it has learned {plain(found['level_of_theory'])}.")
    st.caption("  \n".join(told))
    for k, sentence in enumerate(found["missing"]):
        note(plain(sentence), f"missing_{k}", "notice")
    for sentence in found["notes"]:
        st.caption(plain(sentence[:1].upper() + sentence[1:]))


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
