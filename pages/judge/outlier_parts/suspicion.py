"""Which labels look wrong? Molecules that all models miss alike, with evidence that does not come from the models."""

from __future__ import annotations

from functools import lru_cache

import polars as pl
import streamlit as st

from core.errors import MollensError
from core.figures.numbers import formula, number, significant
from core.judge.inspect.bench import Bench
from core.judge.inspect.label_suspicion import TIMES_MAE
from core.judge.inspect.suspicious import SuspiciousLabel, SuspiciousLabels, label_suspicions
from pages.common.appearance import plain
from pages.common.furniture import card, card_head
from pages.judge.outlier_parts.evidence_tasks import beside_state, offer_second_levels, without_commands
from pages.judge.outlier_parts.gallery_asked import Asked, show_molecule

TITLE = "Which labels look wrong?"
MOST_SHOWN = 12
KINDS = {
    "uncharacterized": "the list of failed calculations", "geometry": "strange geometries",
    "duplicate": "copies with another value", "second level": "a second level of theory",
}  # fmt: skip


def show_suspicion(asked: Asked, molecule: int | None) -> None:
    """The card of suspicious labels, over all held-out molecules; `molecule` is the one that is looked at."""
    with card("suspicion", gap="xxsmall"):
        try:
            with st.spinner("Looking at the labels"):
                found = _suspicions(asked.bench, asked.source.part, beside_state(asked))
        except MollensError as error:
            card_head(TITLE, "", "suspicion")
            st.caption(f"{plain(error)}.")
            return
        _list(asked, found, molecule)


def _list(asked: Asked, found: SuspiciousLabels, molecule: int | None) -> None:
    kinds = ", ".join(KINDS.get(kind, kind) for kind in found.looked_at)
    caption = (
        f"Missed by {len(found.runs)} runs, each by {TIMES_MAE:g} times its own mean error or more and to the same "
        f"side, and with evidence besides the models: {kinds} · that all models agree is as often their common bias"
    )
    options = "" if asked.source.part == "test" else f" --part {asked.source.part}"
    if asked.dataset.name != asked.run.dataset_name:
        options += f" --dataset {asked.dataset.name}"
    names = " ".join(run.run.id for run in asked.bench.runs)
    command = f"python -m core suspicious-labels {names}{options} --json"
    card_head(TITLE, caption, "suspicious_labels", lambda: _table(found), command)
    n, chance = found.n_same_direction, found.expected_by_chance
    who = "Both runs" if len(found.runs) == 2 else f"All {len(found.runs)} runs"
    missed = f"{who} miss **{number(n)}** of {number(found.n_held_out)} molecules that way"
    by_chance = "none" if chance < 0.05 else significant(chance, 2)
    if not found.found:
        st.markdown(
            f":material/check: **None with independent evidence.** {missed}; nothing but the models speaks against "
            f"their labels (by chance {by_chance} would have evidence)."
        )
    else:
        have = "has" if len(found.found) == 1 else "have"
        n_found = number(len(found.found))
        st.markdown(f"{missed}; **{n_found}** of them {have} independent evidence, {by_chance} would by chance.")
    for suspicious in found.found[:MOST_SHOWN]:
        _row(asked, suspicious, molecule)
    if len(found.found) > MOST_SHOWN:
        st.caption(f"{number(len(found.found) - MOST_SHOWN)} more in the CSV.")
    for text in found.notes:
        st.caption(plain(without_commands(text)))
    offer_second_levels(asked, "suspicion")


def _row(asked: Asked, each: SuspiciousLabel, molecule: int | None) -> None:
    factor, unit = asked.unit()
    with st.container(horizontal=True, vertical_alignment="top", gap="small", key=f"suspicious_{each.id}"):
        st.button(
            f"id {each.id}", key=f"open_suspicious_{each.id}", disabled=each.id == molecule, on_click=show_molecule,
            args=(each.id,), width=110,
        )  # fmt: skip
        error = f"{number(each.mean_error * factor, 0, sign=True)} {unit}"
        name = formula(asked.dataset.molecules.formula(each.row))
        reasons = " ".join(plain(reason) for reason in each.reasons)
        text = f"**{error}** on average, {significant(each.times_mae, 2)} × the mean error of a run or more · {name}"
        against = f" :gray[{plain(' '.join(each.against))}]" if each.against else ""
        st.markdown(f"{text} · {each.grade} evidence  \n{reasons}{against}", width="stretch")


def _table(found: SuspiciousLabels) -> pl.DataFrame:
    rows = [
        (each.id, each.grade, each.mean_error, each.times_mae, ", ".join(each.evidence), " ".join(each.reasons))
        for each in found.found
    ]
    columns = {
        "id": pl.Int64, "grade": pl.String, "mean_error": pl.Float64, "times_mae": pl.Float64, "evidence": pl.String,
        "reasons": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=columns, orient="row")


@lru_cache(maxsize=8)
def _suspicions(bench: Bench, part: str, beside: tuple[str, ...]) -> SuspiciousLabels:
    """Kept until another dataset is set beside this one."""
    return label_suspicions([run.run for run in bench.runs], bench.dataset, part)
