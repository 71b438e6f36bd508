"""Up to two other runs beside the one that is looked at: which may be, which are, and what does not compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from core.judge.glance import Glance
from core.runs.folder import Run

MOST = 2
_KEY = "beside_runs"
_WEIGHTS = ("weighting", "weight_by", "weight_rate", "weight_beta", "weights_in", "normalise_weights", "least_weight")


@dataclass(frozen=True)
class Beside:
    """What has to be said when runs stand on one axis."""

    remarks: tuple[str, ...] = ()
    """about the loss"""
    other_loss: tuple[str, ...] = ()
    """ids of runs that minimise another loss, so that theirs is not drawn"""
    other_weights: bool = False
    """the runs weigh molecules differently: their losses compare only without weights"""
    other_molecules: str = ""
    """a sentence if they validate on different molecules"""
    last_step: int = 0
    last_epoch: int = 0
    first_step: int = 0
    """where the axes begin; 0 shows all"""
    first_epoch: int = 0


def names_of(seen: Sequence[Glance]) -> dict[str, str]:
    """Run id -> name, with the end of the id where several runs have the same name."""
    names = {s.run.id: s.run.id if s.run.error is not None else s.run.name for s in seen}
    counts = Counter(names.values())
    return {run: name if counts[name] == 1 else f"{name} ({run[-4:]})" for run, name in names.items()}


def comparable(chosen: Glance, seen: Sequence[Glance]) -> list[Glance]:
    """Runs that may stand beside: same data, same target, and curves to show."""
    run = chosen.run
    return [
        s
        for s in seen
        if s.status is not None
        and s.run.id != run.id
        and not s.linear
        and (s.epochs or s.live)
        and (s.run.dataset_sha256, s.run.target) == (run.dataset_sha256, run.target)
    ]


def pick_beside(chosen: Glance, seen: Sequence[Glance], names: dict[str, str]) -> list[Glance]:
    """The picker; the choice stands in the address as `beside`."""
    offered = {s.run.id: s for s in comparable(chosen, seen)}
    wanted = [run for run in st.query_params.get("beside", "").split(",") if run in offered][:MOST]
    if not offered:
        return []
    st.session_state[_KEY] = wanted
    st.multiselect(
        "Beside it", list(offered), format_func=lambda run: names.get(run, run), max_selections=MOST, key=_KEY,
        placeholder="Beside it: up to 2 other runs", label_visibility="collapsed", on_change=_keep,
    )  # fmt: skip
    return [offered[run] for run in wanted]


def _keep() -> None:
    picked = st.session_state[_KEY]
    if picked:
        st.query_params["beside"] = ",".join(picked)
    else:
        st.query_params.pop("beside", None)


def compared(chosen: Glance, others: Sequence[Glance], names: dict[str, str], share: float = 1.0) -> Beside:
    """What is to be said of these runs on one axis, and which part of it shows the last `share` of the chosen run."""
    every = [chosen, *others]
    last_step = max(s.status.steps if s.status else 0 for s in every)
    last_epoch = max(s.status.epochs if s.status else 0 for s in every)
    first_step = first_epoch = 0
    if share < 1 and chosen.scored and chosen.status is not None:
        first_step = round((1 - share) * max(chosen.status.step, int(chosen.scored[-1]["step"])))
        first_epoch = round((1 - share) * int(chosen.scored[-1]["epoch"]))
    ends = (last_step, last_epoch, first_step, first_epoch)
    if not others:
        return Beside((), (), False, "", *ends)
    loss = chosen.run.recipe_values.get("loss")
    unlike = [s.run.id for s in others if s.run.recipe_values.get("loss") != loss]
    like = [s for s in every if s.run.id not in unlike]
    weights = {_weights(s.run) for s in like}
    batches = {s.run.recipe_values.get("batch_size") for s in like}
    remarks = []
    if unlike:
        remarks.append(f"{_listed([names[run] for run in unlike])} minimises another loss, which is not drawn here.")
    if len(weights) > 1:
        remarks.append("The runs weigh molecules differently: losses are shown without weights.")
    if len(batches) > 1:
        sizes = _listed([str(size) for size in sorted(batches, key=lambda size: int(size or 0))])
        remarks.append(f"Batches of {sizes} molecules: means compare, bands and scatter do not.")
    splits = {(s.run.split_hash, _validated(s.run)) for s in every}
    sentence = "each run on its own validation molecules: splits differ" if len(splits) > 1 else ""
    return Beside(tuple(remarks), tuple(unlike), len(weights) > 1, sentence, *ends)


def _weights(run: Run) -> tuple[str, ...]:
    values = run.recipe_values
    if str(values.get("weighting") or "none") == "none" or values.get("weights_in") == "sampling":
        return ()  # drawn by weight: the loss itself has none
    return tuple(str(values.get(key)) for key in _WEIGHTS)


def _validated(run: Run) -> object:
    told = run.recipe_file.get("trained_on")
    return told.get("validation") if isinstance(told, dict) else run.recipe_file["split"].get("validation")


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
