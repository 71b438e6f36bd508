"""The head of a run: name, state, progress, facts, whether it has converged, and what can be done with it."""

from __future__ import annotations

import math

import streamlit as st

from core.data.properties import PROPERTIES
from core.errors import MollensError
from core.figures.numbers import duration, number, percent, quantity, shown_unit, significant
from core.figures.sentences import convergence_sentence
from core.runs.folder import Run, delete_run, rename_run
from core.runs.jobs import request_stop, start_job
from pages.common.appearance import plain
from pages.common.clock import in_seconds, moment
from pages.common.furniture import Fact, card, facts, note, progress
from pages.common.judged import run_convergence
from pages.common.models import known_style
from pages.train.parts.run_list import Seen, state_words

_BADGES = {"running": "gray", "starting": "gray", "stopping": "yellow", "queued": "gray", "created": "gray",
           "finished": "gray", "failed": "red", "lost": "orange", "stopped": "orange"}  # fmt: skip
_CAN_RESUME = ("created", "stopped", "failed", "lost")


def show_head(seen: Seen, baseline: float | None) -> None:
    """The first card of a run.

    Args:
        baseline: validation MAE of the linear fit in composition, in the unit inside, if it is known.
    """
    run, status = seen.run, seen.status
    assert status is not None
    with card("head", gap="small"):
        with st.container(horizontal=True, vertical_alignment="top", gap="small", wrap=False):
            with st.container(gap=None, width="stretch", key="head_run"):
                style = known_style(run.id)
                mark = f":{style.markdown}[{style.glyph}] " if style else ""
                st.subheader(
                    f"{mark}{plain(run.name)} &nbsp;:{_BADGES.get(status.state, 'gray')}-badge[{status.state}]",
                    anchor=False,
                )
                st.caption(_caption(run, seen))
            _actions(seen)
        if status.state == "failed":
            note(f"**Failed.** {plain(status.error or 'The log below says why.')}", "failed", "failed")
        elif status.state == "lost":
            note(
                "**Lost.** Its job has gone silent: the process ended or its machine is away. Resume goes on from the "
                f"last checkpoint, epoch {status.epoch}.",
                "lost",
                "notice",
            )
        elif status.state == "queued":
            note(f"**Queued.** {plain(state_words(seen))}.", "queued")
        _progress(seen)
        facts(_facts(seen, baseline))
        found = run_convergence(run)
        if found.state not in ("no epochs", "too short"):
            unfinished = found.state in ("still falling", "rising")
            text = plain(convergence_sentence(found, _unit(run)))
            first, _, rest = text.partition(". ")
            tail = " Verdicts with this run are provisional." if unfinished else ""
            note(f"**{first}.** {rest}{tail}", "convergence", "notice" if unfinished else "plain")


def _unit(run: Run) -> str:
    return str(run.recipe_file.get("unit", ""))


def _caption(run: Run, seen: Seen) -> str:
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
        words.append(f"started {moment(status.started)}")
    if status.device:
        words.append(f"on {status.device}")
    return " · ".join(plain(word) for word in words)


def _progress(seen: Seen) -> None:
    status = seen.status
    assert status is not None
    if not status.steps or status.state == "finished":
        return
    left = seen.seconds_left
    progress(
        status.step / status.steps,
        f"Epoch {status.epoch}",
        f"of {status.epochs} · step {number(status.step)} of {number(status.steps)}"
        + (f" · {status.phase}" if status.phase else ""),
        f"{duration(left)} left" if left is not None else "",
        f"· done about {in_seconds(left)}" if left is not None else "",
    )


def _facts(seen: Seen, baseline: float | None) -> list[Fact]:
    run, unit = seen.run, _unit(seen.run)
    rows = []
    if seen.curve:
        scored = [line for line in seen.epochs if line.get("validation_mae") is not None]
        best = min(scored, key=lambda line: line["validation_mae"])
        factor, shown = shown_unit(unit, best["validation_mae"])
        rows += [
            Fact("Validation MAE", significant(scored[-1]["validation_mae"] * factor), shown),
            Fact(f"Best, epoch {best['epoch']}", significant(best["validation_mae"] * factor), shown),
        ]
    known = baseline is not None and math.isfinite(baseline) and run.recipe_values.get("model") != "composition"
    if known:
        value, baseline_unit = quantity(baseline, unit)
        rows.append(Fact("Baseline", value, baseline_unit))
    if seen.curve:
        if known:
            rows.append(Fact("Of the baseline", percent(best["validation_mae"] / baseline)))
        last = scored[-1]
        if last.get("molecules_per_second"):
            rows.append(Fact("Speed", number(round(last["molecules_per_second"], -1)), "molecules/s"))
        if last.get("learning_rate") is not None and seen.live:
            rows.append(Fact("Learning rate", f"{last['learning_rate']:.1e}".replace("e-0", "e-")))
    status = seen.status
    assert status is not None
    if status.seconds:
        rows.append(Fact("Training time", duration(status.seconds)))
    counts = run.recipe_file["split"]
    if "train" in counts:
        rows.append(Fact("Trained on", number(counts["train"]), "molecules"))
    return rows


def _actions(seen: Seen) -> None:
    """Buttons by what the state allows; a shipped run allows none."""
    run, status = seen.run, seen.status
    assert status is not None
    with st.container(horizontal=True, horizontal_alignment="right", gap="xsmall", width="content", wrap=False):
        if status.state == "finished":
            st.page_link(
                "pages/judge/errors.py", label="Errors", icon=":material/query_stats:", query_params={"run": run.id}
            )
            st.page_link(
                "pages/judge/outliers.py",
                label="Outliers",
                icon=":material/search_insights:",
                query_params={"run": run.id},
            )
        if run.shipped:
            return
        if seen.live:
            waiting = status.state == "stopping"
            if st.button(
                "Stop", icon=":material/stop:", key=f"stop_{run.id}", disabled=waiting,
                help="Saves a checkpoint first; can be resumed",
            ):  # fmt: skip
                _do(lambda: request_stop(run))
        elif status.state in _CAN_RESUME:
            label = "Start" if status.state == "created" else "Resume"
            if st.button(
                label, icon=":material/play_arrow:", key=f"resume_{run.id}", help="Goes on from the last checkpoint"
            ):
                _do(lambda: start_job(run))
        with st.popover("", icon=":material/more_horiz:", key=f"command_more_{run.id}", help="Rename or delete"):
            name = st.text_input("Name", run.name, key=f"name_{run.id}", max_chars=80)
            if st.button("Rename", key=f"rename_{run.id}", disabled=name.strip() == run.name):
                _do(lambda: rename_run(run, name))
            if st.button(
                "Delete", icon=":material/delete:", key=f"delete_{run.id}", disabled=seen.live,
                help="Stop it first" if seen.live else "Moves the run to the trash folder",
            ):  # fmt: skip
                _do(lambda: delete_run(run), forget=True)


def _do(action, forget: bool = False) -> None:  # type: ignore[no-untyped-def]
    """Carry out what a button asks for and show the page anew; a refusal is told in a sentence."""
    try:
        action()
    except MollensError as error:
        st.toast(plain(error), icon=":material/error:")
        return
    if forget:
        st.query_params.pop("run", None)
    st.rerun()
