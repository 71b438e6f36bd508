"""A run that was not trained here: where its model or its predictions come from, and what it is judged on."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.data.properties import PROPERTIES
from core.errors import MollensError
from core.figures.numbers import number
from core.figures.training_way import NETWORKS
from core.judge.glance import Glance
from core.runs.folder import Run
from core.runs.foreign_files import load_command
from core.runs.predictions import predicted_datasets
from core.runs.seen import read_seen
from pages.common.appearance import plain
from pages.common.clock import moment
from pages.common.furniture import Step, card, card_head, note, steps

_LOSSES = {"mse": "squared error", "mae": "absolute error", "huber": "Huber loss"}


def is_foreign(run: Run) -> bool:
    """Whether it was not trained here."""
    return run.error is None and run.origin != "mollens"


def caption_of(run: Run, seen: Glance) -> str:
    """The line under its name."""
    status = seen.status
    assert status is not None
    label = PROPERTIES[run.target].label if run.target in PROPERTIES else run.target
    model = NETWORKS.get(str(run.recipe_values.get("model")), "")
    words = [f"{model} of SchNetPack" if run.origin == "schnetpack" else "Predictions of another program",
             f"judged on {run.dataset_name}", label]  # fmt: skip
    if status.started or run.created:
        words.append(f"loaded {moment(status.started or run.created)}")
    return " · ".join(plain(word) for word in words)


def tell_split(run: Run) -> None:
    """A sentence where nobody knows what it was trained on."""
    if run.recipe_file["split"].get("known") is False:
        note(
            "**What it was trained on is not known.** Its errors may be optimistic, and no verdict is given with it.",
            "split_unknown",
            "notice",
        )


def show_origin(run: Run, n_parameters: int | None) -> None:
    """The card of where it comes from."""
    with card("trained"), st.container(key="trained_way"):
        schnetpack = run.origin == "schnetpack"
        card_head(
            "Where does it come from?",
            "What the files of its training say" if schnetpack else "What was said when its predictions were loaded",
            "way",
        )
        found = [_file(run), _network(run, n_parameters), _predicts(run), _training(run), _split(run), _judged(run)]
        steps([step for step in found if step is not None])


def _loaded(run: Run) -> dict[str, Any]:
    told = run.recipe_file.get("loaded")
    return told if isinstance(told, dict) else {}


def _file(run: Run) -> Step | None:
    if run.origin == "predictions":
        source = run.recipe_file.get("source")
        source = source if isinstance(source, dict) else {}
        kind = (str(source["format"]),) if source.get("format") else ()
        return Step("File", str(source["file"])[:60], kind) if source.get("file") else None
    told = _loaded(run)
    if not told.get("file"):
        return None
    versions = run.recipe_file.get("versions")
    version = versions.get("schnetpack") if isinstance(versions, dict) else None
    lines = (f"SHA-256 {str(told['sha256'])[:12]}…",) if told.get("sha256") else ()
    return Step("File", str(told["file"])[:60], (*lines, *((f"SchNetPack {version}",) if version else ())))


def _network(run: Run, n_parameters: int | None) -> Step | None:
    values = run.recipe_values
    if values.get("model") not in NETWORKS:
        return None
    lines = [f"{values['n_interactions']} interactions"] if "n_interactions" in values else []
    if "cutoff" in values and "neighbour_cutoff" in values:
        lines.append(f"neighbours {values['neighbour_cutoff']:g} Å, filters {values['cutoff']:g} Å")
    lines += [f"{number(n_parameters)} numbers"] if n_parameters else []
    return Step("Network", f"{NETWORKS[values['model']]} {values.get('n_atom_basis', '')}".strip(), tuple(lines))


def _predicts(run: Run) -> Step:
    told, unit = _loaded(run), str(run.recipe_file.get("unit", ""))
    label = PROPERTIES[run.target].label if run.target in PROPERTIES else run.target
    lines = []
    if told.get("output"):
        own = f" in {told['unit']}" if told.get("unit") else ""
        lines.append(f"as {told['output']}{own}")
    adds = told.get("adds")
    if isinstance(adds, list) and adds:
        lines.append(f"adds {', '.join(str(word) for word in adds)}")
    if told.get("level_of_theory"):
        lines.append(str(told["level_of_theory"]))
    return Step("Predicts", label, tuple(lines) or ((f"in {unit}",) if unit else ()))


def _training(run: Run) -> Step | None:
    values = run.recipe_values
    lines = []
    if "batch_size" in values and "learning_rate" in values:
        lines.append(f"batch {values['batch_size']}, rate {values['learning_rate']:g}")
    if values.get("loss") in _LOSSES:
        lines.append(_LOSSES[values["loss"]])
    done = run.status().epoch
    if not lines and not done:
        return None
    return Step("Training", f"{number(done)} epochs" if done else "epochs not known", tuple(lines))


def _split(run: Run) -> Step:
    split = run.recipe_file["split"]
    counts = [split.get(part) for part in ("train", "validation", "test")]
    words = " / ".join(number(n) for n in counts if isinstance(n, int))
    if split.get("known") is False:
        lines = ("so errors may be optimistic",)
        return Step("Split", "not known", (f"{words} of a database", *lines) if any(counts) else lines, True)
    try:
        seen = read_seen(run)
    except MollensError:
        seen = None
    how = ("recognised by geometry",) if seen is not None else ()
    return Step("Split", run.split_name, (words, "train / validation / test", *how))


def _judged(run: Run) -> Step:
    names = predicted_datasets(run)
    return Step("Judged on", names[0] if names else run.dataset_name, tuple(names[1:6]))


def what_it_adds(run: Run) -> str:
    """What is added to the network's output, in words."""
    adds = _loaded(run).get("adds")
    words = [str(word) for word in adds if word != "scale"] if isinstance(adds, list) else []
    return f"+ {' and '.join(words)}" if words else ""


def load_again(run: Run) -> str:
    """The command that makes this run once more, where a model was loaded; empty for others."""
    told = _loaded(run)
    if run.origin != "schnetpack" or not told.get("file"):
        return ""
    unit = told.get("unit") or None
    target = run.target if run.target != told.get("output") else None
    database = told.get("database") or None
    return load_command(str(told["file"]), run.name, run.dataset_name, database=database, target=target, unit=unit)
