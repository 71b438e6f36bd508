"""The head of a run: name, state, progress, facts, whether it has converged, and the note that somebody has written."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import streamlit as st

from core.data.properties import PROPERTIES
from core.figures.numbers import duration, number, percent, quantity, shown_unit, significant
from core.figures.sentences import convergence_sentence
from core.judge.glance import Glance
from core.runs.devices import list_devices
from core.runs.folder import Run
from core.runs.queue import place_in_queue
from pages.common.appearance import plain
from pages.common.clock import in_seconds, moment
from pages.common.furniture import Fact, card, facts, note, progress
from pages.common.models import known_style
from pages.train.parts.run_actions import show_actions
from pages.train.parts.run_foreign import caption_of, is_foreign, tell_split
from pages.train.parts.run_list import paused, state_words

_BADGES = {"running": "gray", "starting": "gray", "stopping": "yellow", "queued": "gray", "created": "gray",
           "finished": "gray", "failed": "red", "lost": "orange", "stopped": "orange"}  # fmt: skip
_IDS = re.compile(r"molecules? (\d[\d ,]*\d|\d)")
MOLECULES = "pages/explore/molecules.py"


@dataclass(frozen=True)
class Now:
    """What the last logged step says of the machine; None where nothing was logged."""

    learning_rate: float | None = None
    speed: float | None = None
    memory: float | None = None
    gpu_load: float | None = None


def show_head(seen: Glance, names: dict[str, str], baseline: float | None, now: Now, there: bool) -> None:
    """The first card of a run.

    Args:
        names: of all runs by id, for those that wait before it.
        baseline: validation MAE of the linear fit in composition, in the unit inside, if it is known.
        there: whether its dataset can be opened, so that molecules can be looked at.
    """
    run, status = seen.run, seen.status
    assert status is not None
    with card("head", gap="small"):
        with st.container(horizontal=True, vertical_alignment="top", gap="small", key="head_row"):
            with st.container(gap=None, width="stretch", key="head_run"):
                style = known_style(run.id)
                mark = f":{style.markdown}[{style.glyph}] " if style else ""
                state = "paused" if paused(seen) else status.state
                st.subheader(
                    f"{mark}{plain(run.name)} &nbsp;:{_BADGES.get(state, 'orange')}-badge[{state}]", anchor=False
                )
                st.caption(caption_of(run, seen) if is_foreign(run) else _caption(run, seen))
            show_actions(seen)
        if run.note:
            with st.container(key="run_note"):
                st.markdown("  \n".join(plain(line) for line in run.note.splitlines()))
        _show_state(seen, names, there)
        if is_foreign(run):
            tell_split(run)
        _progress(seen)
        if rows := _facts(seen, baseline, now):
            facts(rows)
        found = seen.convergence
        if found.state != "no epochs" and (found.state != "too short" or status.state == "finished"):
            unfinished = found.state in ("still falling", "rising")
            text = plain(convergence_sentence(found, _unit(run)))
            first, _, rest = text.partition(": " if found.state == "too short" else ". ")
            provisional = unfinished or found.state == "too short"
            tail = " Verdicts with this run are provisional." if provisional else ""
            note(f"**{first}.** {rest[:1].upper()}{rest[1:]}{tail}", "convergence", "notice" if unfinished else "plain")


def _show_state(seen: Glance, names: dict[str, str], there: bool) -> None:
    """A sentence about a state that wants one, with the way on."""
    run, status = seen.run, seen.status
    assert status is not None
    if status.state == "failed":
        told = status.error or "The log below says why."
        note(f"**Failed.** {plain(told[:1].upper() + told[1:])}", "failed", "failed")
        _link_molecules(run, status.error, there)
    elif status.state == "lost":
        note(
            "**Lost.** Its job has gone silent: the process ended or its machine is away. Resume goes on from the "
            f"last checkpoint, epoch {status.epoch}.",
            "lost",
            "notice",
        )
    elif paused(seen):
        note(
            "**Paused.** The disk is full. Nothing is lost: free some space and it goes on by itself, or stop it and "
            "resume it later.",
            "paused",
            "notice",
        )
    elif status.state == "stopped" and status.message:
        note(f"**Stopped.** {plain(status.message[:1].upper() + status.message[1:])}.", "stopped", "notice")
    elif status.state == "queued":
        note(f"**Queued.** {_waits(seen, names)}", "queued")


def _waits(seen: Glance, names: dict[str, str]) -> str:
    """Which place in the queue, and behind which runs."""
    place = place_in_queue(seen.run)
    if place is None or not place.ahead:
        words = plain(state_words(seen))
        return f"{words[:1].upper()}{words[1:]}."
    shown = [f"*{plain(names.get(run, run))}*" for run in place.ahead[:3] if run]
    rest = len(place.ahead) - len(shown)
    more = f"{', ' if shown else ''}{rest} more" if rest else ""
    nth = len(place.ahead) + 1
    ordinal = f"{nth}{'th' if 10 < nth % 100 < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(nth % 10, 'th')}"
    return f"{ordinal} in line for {plain(place.device)}, after {', '.join(shown)}{more}."


def _link_molecules(run: Run, error: str, there: bool) -> None:
    """Links to the molecules that an error names."""
    match = _IDS.search(error)
    if match is None or not there:
        return
    ids = [word.strip() for word in match[1].split(",") if word.strip().isdigit()]
    with st.container(horizontal=True, gap="small", key="failed_molecules"):
        for number_ in ids:
            query = {"dataset": run.dataset_name, "molecule": number_}
            st.page_link(MOLECULES, label=f"Molecule {number_}", icon=":material/hub:", query_params=query)
        if len(ids) > 1:
            query = {"dataset": run.dataset_name, "id": ",".join(ids)}
            st.page_link(MOLECULES, label="All of them", icon=":material/arrow_forward:", query_params=query)


def _unit(run: Run) -> str:
    return str(run.recipe_file.get("unit", ""))


def _caption(run: Run, seen: Glance) -> str:
    values, status = run.recipe_values, seen.status
    assert status is not None
    label = PROPERTIES[run.target].label if run.target in PROPERTIES else run.target
    words = [
        f"{values.get('preset') or values.get('model')} on {run.dataset_name}",
        label,
        f"{run.split_name} split",
        f"seed {run.seed}",
    ]
    if run.shipped:
        words.append("ships with Mollens")
    elif status.started:
        word = "waits since" if status.state == "queued" else "started"
        words.append(f"{word} {moment(status.started)}")
    if status.device:
        words.append(f"on {run.devices} × {status.device}" if run.devices > 1 else f"on {status.device}")
    return " · ".join(plain(word) for word in words)


def _progress(seen: Glance) -> None:
    status = seen.status
    assert status is not None
    if not status.steps or status.state == "finished":
        return
    left = seen.seconds_left
    progress(
        status.step / status.steps,
        f"Epoch {min(status.epoch + (status.state == 'running'), status.epochs)}",
        f"of {status.epochs} · step {number(status.step)} of {number(status.steps)}"
        + (f" · {status.phase}" if seen.live and status.phase not in ("", "training") and not paused(seen) else ""),
        f"{duration(left)} left" if left is not None else "",
        f"· done about {in_seconds(left)}" if left is not None else "",
    )


def _facts(seen: Glance, baseline: float | None, now: Now) -> list[Fact]:
    run, status, unit = seen.run, seen.status, _unit(seen.run)
    assert status is not None
    scored = seen.scored
    rows = []
    known = baseline is not None and math.isfinite(baseline) and not seen.linear
    if scored:
        best = min(scored, key=lambda line: line["validation_mae"])
        factor, shown = shown_unit(unit, best["validation_mae"])
        rows.append(Fact("Validation MAE", significant(scored[-1]["validation_mae"] * factor), shown))
        if not seen.linear:
            rows.append(Fact(f"Best, epoch {best['epoch']}", significant(best["validation_mae"] * factor), shown))
    if known:
        assert baseline is not None
        value, baseline_unit = quantity(baseline, unit)
        rows.append(Fact("Baseline", value, baseline_unit))
        if scored:
            rows.append(Fact("Of the baseline", percent(best["validation_mae"] / baseline)))
    last = scored[-1] if scored else {}
    speed = (now.speed if seen.live else None) or last.get("molecules_per_second")
    if speed:
        rows.append(Fact("Speed", significant(speed, 2), "molecules/s"))
    if seen.live and (rate := now.learning_rate or last.get("learning_rate")) is not None:
        rows.append(Fact("Learning rate", f"{rate:.1e}".replace("e-0", "e-")))
    if memory := now.memory or last.get("memory"):
        rows.append(_memory(memory, status.device if seen.live else ""))
    if seen.live and now.gpu_load is not None:
        rows.append(Fact("GPU load", number(100 * now.gpu_load), "%"))
    if status.seconds:
        rows.append(Fact("Training time", duration(status.seconds)))
    if seen.linear:
        rows.append(Fact("Trained on", number(run.n_trained), "molecules"))
    return rows


def _memory(used: float, device: str) -> Fact:
    """Memory in GB, of what there is while the run is at work."""
    total = _device_memory().get(device)
    value = significant(used / 1e9, 2)
    return Fact("Memory", value, f"of {total / 1e9:.0f} GB" if total else "GB")


@st.cache_data(ttl=60, show_spinner=False)
def _device_memory() -> dict[str, int | None]:
    return {device.key: device.memory for device in list_devices()}
