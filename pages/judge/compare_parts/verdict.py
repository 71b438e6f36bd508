"""The verdict: badges, the sentence coloured by the winner, the facts it rests on, and what has to be known of it."""

from __future__ import annotations

import re

import streamlit as st

from core.figures.numbers import number, percent
from core.figures.theme import ModelStyle
from core.judge.comparing.compare import Comparison
from core.judge.comparing.recipes_compared import LEAST_SEEDS
from pages.common.appearance import plain, safe
from pages.common.furniture import card, note
from pages.judge.compare_parts.shown import Shown
from pages.judge.compare_parts.sides import Pair

_WINNER = re.compile(r"^(?P<head>(?:Overall, )?(?P<who>[AB]) is (?P<how>better|worse)|worse)\b")
_CLAUSES = re.compile(r"(?<=[.;]) ")


def verdict(found: Comparison, shown: Shown, two: Pair) -> None:
    """The card of the verdict."""
    with card("verdict", gap="xsmall"):
        st.html(
            f"<div class='cmp-badges'>{_badges(found, two)}</div>"
            f"<p class='cmp-sentence'>{coloured(found.sentence, two.style_a, two.style_b)}</p>"
            f"<div class='cmp-facts'>{_facts(found, shown)}</div>"
        )
    for k, text in enumerate(_notes(found)):
        note(text, f"compare_{k}")


def coloured(sentence: str, a: ModelStyle, b: ModelStyle) -> str:
    """The sentence as HTML: who is better in its colour, what is not decided muted; the words stay as they are."""
    parts = []
    subject = ""
    for clause in _CLAUSES.split(sentence):
        found = _WINNER.match(clause)
        if found:
            subject = found["who"] or subject
            better = found["how"] == "better"
            winner = a if (subject == "A") == better else b
            head = found["head"]
            parts.append(f"<b style='color:{winner.colour}'>{safe(head)}</b>{safe(clause[len(head) :])}")
        elif clause.startswith("Provisional"):
            parts.append(f"<span class='cmp-provisional'>{safe(clause)}</span>")
        elif clause.startswith(("Overall", "Equal", "equal")):
            parts.append(f"<span class='cmp-equal'>{safe(clause)}</span>")
        else:
            parts.append(f"<span class='cmp-muted'>{safe(clause)}</span>")
    return " ".join(parts)


def _badges(found: Comparison, two: Pair) -> str:
    state = found.verdict
    if state is None:
        first = _badge("no verdict", "muted")
    elif state in ("A better", "B better"):
        style = two.style_a if state[0] == "A" else two.style_b
        first = f"<span class='cmp-badge' style='--own:{style.colour}'>✓ {state[0]} is better</span>"
    elif state == "equal":
        first = _badge("✓ equal", "ink")
    else:
        first = _badge(state, "muted")
    later = _badge("provisional", "notice") if found.provisional and state is not None else ""
    return f"{first}{later}<em>{safe(about(found, two))}</em>"


def _badge(text: str, tone: str) -> str:
    return f"<span class='cmp-badge {tone}'>{safe(text)}</span>"


def about(found: Comparison, two: Pair) -> str:
    """What the verdict is about: two recipes with all their seeds, or these two networks only."""
    if found.about == "recipes":
        counts = {len(found.a), len(found.b)}
        each = f"{counts.pop()} seeds each" if len(counts) == 1 else f"{len(found.a)} and {len(found.b)} seeds"
        return f"on recipes, {each}"
    rest = "one seed each, so nothing is said about the recipes"
    if two.reduced is not None:
        single, letter = ("A", "B") if two.reduced is two.b else ("B", "A")
        seed = (found.b if letter == "B" else found.a)[0].seed
        rest = f"{single} is one run, so {letter} is seed {seed} of its recipe; {LEAST_SEEDS} seeds each would tell"
    return f"on these two networks: {rest}"


def _facts(found: Comparison, shown: Shown) -> str:
    whole = found.whole
    limits = "no interval"
    if whole.low is not None:
        limits = f"{shown.text(whole.low, True)} to {shown.text(whole.high, True)}"
    improved = percent(whole.improved, 1) if whole.improved is not None else "\N{EM DASH}"
    share = ""
    if whole.improved_low is not None and whole.improved_high is not None:
        share = f"{100 * whole.improved_low:.1f} to {100 * whole.improved_high:.1f}"
    over = "over seeds and molecules" if found.about == "recipes" else "simultaneous, max-t"
    cells = [
        ("B \N{MINUS SIGN} A, overall", f"{shown.text(whole.difference, True)} {shown.unit}", limits),
        ("B closer on", improved, share),
        ("Equal means within", f"±{shown.text(whole.margin)} {shown.unit}", margin_words(found)),
        ("Intervals", "95 %", over),
        ("Molecules", number(len(found.paired.ids)), left_out(found)),
    ]
    return "".join(
        f"<div><span>{safe(label)}</span><b>{safe(value)}</b><i>{safe(small)}</i></div>"
        for label, value, small in cells
    )


def margin_words(found: Comparison) -> str:
    """Where the margin comes from."""
    if found.margin is not None:
        return "as set above"
    if found.paired.target.unit == "eV" and found.per == "molecule":
        return "1 meV or 5 %"
    return "5 % of the error"


def left_out(found: Comparison) -> str:
    """How many held-out molecules are not compared, and why."""
    if not found.paired.left_out:
        return "same ids and labels"
    return f"{number(found.paired.left_out)} left out: the other has seen them"


def _notes(found: Comparison) -> list[str]:
    """What a reader has to know of this comparison, a sentence each (Markdown)."""
    told = [plain(sentence) for sentence in found.notes]
    runs = (*found.a, *found.b)
    here = {run.dataset_name for run in runs} == {found.paired.dataset.name}
    if here and not found.paired.unknown and len({run.split_hash for run in runs}) > 1:
        told.append(
            f"The splits differ ({plain(found.a[0].split_name)} and {plain(found.b[0].split_name)}): compared are the "
            f"{number(len(found.paired.ids))} {found.paired.part} molecules that both hold out and neither has seen."
        )
    if found.paired.part == "validation":
        told.append(
            "Compared on **validation** molecules, which also chose the checkpoints: a split without test molecules "
            "leaves no others."
        )
    return told
