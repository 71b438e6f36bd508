"""H1 to H4 as four cards: claim, answer, a tiny figure, effect with interval and n, one caution, one action."""

from __future__ import annotations

import streamlit as st

from core.data.molecules import NUMBERS
from core.figures.hypotheses import figure_caption, finding_figure
from core.figures.theme import ModelStyle, model_style
from core.judge.comparing.compare import Comparison
from core.judge.hypotheses.findings import CLAIMS, Finding
from core.runs.folder import Run
from pages.common.address import kept
from pages.common.appearance import dark, plain, safe
from pages.common.compared import findings_of
from pages.common.furniture import card, show
from pages.common.models import known_style
from pages.judge.compare_parts.shown import Shown
from pages.judge.compare_parts.sides import Pair, recipe_name

_GREY = 4
_ANSWERED = ("supported", "contradicted")
_NOTHING = {
    "H1": "too few sizes with 10 or more held-out molecules",
    "H2": "too few held-out molecules with a rare element",
    "H3": "no run with balanced sizes beside its control yet",
    "H4": "no run on some sizes only beside its control yet",
}


def hypotheses(found: Comparison, shown: Shown, two: Pair, ready: list[Run]) -> None:
    """The four cards."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="head_hypotheses"):
        st.subheader("What the runs say about the four hypotheses", anchor=False, width="stretch")
        styles = dict(zip("ab", two.styles, strict=True))
        letters = {name: f"{name.upper()} :{style.markdown}[{style.glyph}]" for name, style in styles.items()}
        asking = st.container(horizontal=True, vertical_alignment="center", gap="small", width="content", wrap=False)
        with asking:
            st.markdown(":gray[:small[H1 and H2 are asked of]]", width="content")
            asked = st.segmented_control(
                "H1 and H2 are asked of", list(letters), format_func=letters.__getitem__, required=True,
                label_visibility="collapsed", **kept("of", ["a", "b"], "a"),
            )  # fmt: skip
    answers = ask(found, two, ready, str(asked or "a"))
    grid = st.grid(4, min_column_width=230, gap="small")
    for name in CLAIMS:
        with grid, card(name, "stretch", gap="xxsmall"):
            _card(answers[name], shown, two)


def ask(found: Comparison, two: Pair, ready: list[Run], of: str) -> dict[str, Finding]:
    """One finding a hypothesis: H1 and H2 of A or B, H3 and H4 of A and B or else of any run that was trained so."""
    dataset, part, per = two.dataset, found.paired.part, found.per
    asked = two.runs_a if of == "a" else two.runs_b
    known = tuple(run for run in ready if run.dataset_name == dataset.name)
    mine = {run.id for run in (*two.runs_a, *two.runs_b)}
    everyone = (*two.runs_a, *two.runs_b, *(run for run in known if run.id not in mine))
    answers = {}
    for name in CLAIMS:
        runs = asked if name in ("H1", "H2") else everyone
        several = findings_of((name,), runs, dataset, known, part, per)
        answers[name] = max(several, key=lambda each: _fitness(each, mine))
    return answers


def _fitness(finding: Finding, mine: set[str]) -> tuple[bool, bool, bool, int]:
    """Which of several findings is shown: about A or B, with an answer, by an experiment, on more seeds."""
    about = {run.id for run in (*finding.runs, *finding.controls)}
    told = finding.effect is not None
    return (
        told and bool(about & mine),
        told,
        finding.evidence == "experiment",
        len(finding.runs) + len(finding.controls),
    )


def _card(finding: Finding, shown: Shown, two: Pair) -> None:
    name = finding.hypothesis
    fig = None
    if finding.details:
        fig = finding_figure(finding, _style(finding, two), shown.factor, shown.unit, dark())
    told = figure_caption(finding, shown.unit) if fig is not None else ""
    st.html(
        f"<div class='cmp-h-head'><span>{name}</span>{badge(finding)}</div>"
        f"<div class='cmp-h-claim'>{safe(finding.claim)}</div><div class='cmp-h-fig'>{safe(told)}</div>"
    )
    if fig is None:
        unknown = finding.hypothesis in ("H1", "H2") and "not known which molecules" in finding.sentence
        nothing = "its training molecules are not known" if unknown else _NOTHING[name]
        st.html(f"<div class='cmp-h-none'>{safe(nothing)}</div>")
    else:
        show(fig, f"fig_{name}", f"{finding.claim}: {finding.state}")
    st.html(
        f"<div class='cmp-h-effect'>{effect(finding)}</div><div class='cmp-h-caution'>{safe(caution(finding))}</div>"
    )
    with st.container(key=f"foot_{name}"):
        label, page, query = way_on(finding, two)
        st.page_link(page, label=label, icon=":material/arrow_forward:", query_params=query)


def badge(finding: Finding) -> str:
    """The answer as HTML: ink where there is one, yellow while it may change, grey where there is none."""
    words: str = finding.state
    if finding.hypothesis == "H2" and finding.state in _ANSWERED:
        words = f"{finding.state} for {finding.details.get('rarest', 'it')}"
    mark = {"supported": "✓ ", "contradicted": "✕ "}.get(finding.state, "")
    tone = "muted" if not mark else "notice" if finding.provisional else "ink"
    return f"<span class='cmp-badge {tone}'>{safe(mark + words)}</span>"


def _style(finding: Finding, two: Pair) -> ModelStyle:
    """The colour of A or B where the finding is about them, else that of its run, else grey."""
    ids = {run.id for run in finding.runs}
    for style, runs in ((two.style_a, two.runs_a), (two.style_b, two.runs_b)):
        if ids & {run.id for run in runs}:
            return style
    return (known_style(finding.runs[0].id) if finding.runs else None) or model_style(_GREY, dark())


def effect(finding: Finding) -> str:
    """Effect, interval and n in one line, as HTML; without them what is missing."""
    if finding.effect is None:
        text = finding.sentence.removeprefix("Not enough data: ").split(". ")[0]
        for command in ("; train one with", "; clone it with"):  # the button below does that
            text = text.split(command)[0]
        return f"{safe(text[:1].upper() + text[1:].rstrip('.'))}."
    value, bracket, rest = finding.line.partition(" (")
    whose = f"{finding.details.get('rarest')}: " if finding.hypothesis == "H2" else ""
    what = "ρ = " if finding.hypothesis == "H1" and finding.evidence == "observed" else whose
    return f"<b>{safe(what + value)}</b>{safe(bracket + rest)}"


def caution(finding: Finding) -> str:
    """What to bear in mind: the confounder by name, whom it is about, and whether it may change."""
    told = [finding.caution] if finding.caution else []
    if finding.effect is not None and finding.runs:
        name = recipe_name(finding.runs)
        of = f"{name}, {len(finding.runs)} seeds" if finding.about == "recipes" else f"{finding.runs[0].name} alone"
        told.append(f"Of {of}{', provisional: not converged yet' if finding.provisional else ''}.")
    return " ".join(told)


def way_on(finding: Finding, two: Pair) -> tuple[str, str, dict[str, str | list[str]]]:
    """Label, page and address of the one action: the run that would settle it, else the molecules that it is about."""
    if finding.action is not None:
        action = finding.action
        return action.label, "pages/train/new_run.py", {"dataset": two.dataset.name, **action.query}
    dataset = {"dataset": two.dataset.name}
    element = str(finding.details.get("rarest", ""))
    if finding.hypothesis == "H2" and element in NUMBERS:
        if finding.effect is None:
            return f"All molecules with {element}", "pages/explore/molecules.py", {**dataset, "element": element}
        query = {**dataset, "run": finding.runs[0].id, "element": element}
        return f"The molecules with {element}", "pages/judge/outliers.py", query
    models = [run.id for run in (*finding.runs[:1], *finding.controls[:1])] or [two.runs_a[0].id]
    label = "See both by size" if finding.controls else f"See the errors of {plain(finding.runs[0].name)}"
    return label, "pages/judge/errors.py", {**dataset, "models": ",".join(models)}
