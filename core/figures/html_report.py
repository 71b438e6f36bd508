"""The report on two models as one HTML file that opens anywhere without network, from `reporting.report_content`.

It is light whatever the reader's page is, so that it prints well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.figures import html_parts as made
from core.figures.comparison import difference_by_group, difference_by_size, difference_cells, in_a_row
from core.figures.error_axes import ModelErrors, View
from core.figures.error_groups import group_axis, grouping_name
from core.figures.error_rows import error_by_rows
from core.figures.errors import error_by_number
from core.figures.hypotheses import figure_caption, finding_figure
from core.figures.learning import learning_figure
from core.figures.numbers import number, percent, shown_unit, significant, unit_text
from core.figures.report_tables import differing_table, groups_table, hash_cards, runs_summary
from core.figures.theme import ModelStyle, model_style
from core.judge.comparing.compare import Comparison
from core.judge.comparing.runs_table import common_name
from core.judge.hypotheses.findings import Finding
from core.judge.reference import chemical_accuracy
from core.judge.reporting.report_content import SECTIONS, ReportContent

TITLE = "Which model is better, and where?"
ABOUT_NETWORK = "on this network, not on its recipe"
_OTHER = model_style(4, dark=False)
"""Of a run that is neither A nor B."""


@dataclass(frozen=True)
class _Look:
    """What all parts of a report share."""

    names: tuple[str, str]
    styles: tuple[ModelStyle, ModelStyle]
    factor: float
    unit: str

    def text(self, value: float | None, sign: bool = False) -> str:
        """A value inside as it is written, without its unit."""
        return significant(None if value is None else value * self.factor, 3, sign=sign)

    def range(self, low: float | None, high: float | None) -> str:
        """Two limits as they are written; empty without."""
        return "" if low is None or high is None else f"{self.text(low, True)} to {self.text(high, True)}"


def report_html(
    content: ReportContent, names: tuple[str, str] = ("", ""), places: tuple[int, int] = (0, 1), title: str = TITLE
) -> str:
    """A report as one HTML file.

    Args:
        names: of A and B; by default those of their first runs.
        places: numbers of A and B as `model_style` has them, so that both keep their colours.
    """
    found = content.comparison
    whole = found.whole
    factor, unit = shown_unit(found.paired.target.unit, max(whole.error_a or 0.0, whole.error_b or 0.0))
    unit = unit_text(unit) + ("/atom" if found.per == "atom" else "")
    called = (names[0] or found.a[0].name, names[1] or found.b[0].name)
    styles = (model_style(places[0], False), model_style(places[1], False))
    look = _Look(called, styles, factor, unit)
    parts: dict[str, Callable[[ReportContent, _Look], str]] = {
        "verdict": _verdict,
        "differences": _differences,
        "errors": _errors,
        "learning": _learning,
        "runs": _runs,
        "hypotheses": _hypotheses,
        "methods": _methods,
        "hashes": _hashes,
    }
    told = [made.section(SECTIONS[name], parts[name](content, look)) for name in content.sections]
    return made.page(f"{called[0]} and {called[1]}: {title}", _head(content, look, title) + "".join(told))


def _head(content: ReportContent, look: _Look, title: str) -> str:
    found = content.comparison
    dataset, target = found.paired.dataset, found.paired.target
    seen = "that neither has seen" if not found.paired.unknown else "that one may have seen"
    about = (
        f"{dataset.card.title} · {target.label} ({dataset.card.level_of_theory}) · {number(len(found.paired.ids))} "
        f"{found.paired.part} molecules {seen} · written {content.made[:10]}"
    )
    who = "".join(
        f'<div><b style="color:{style.colour}">{style.glyph} {letter}</b>&ensp;<b>{made.text(name)}</b> '
        f'<span class="muted">{made.text(_seeds(runs))}</span></div>'
        for letter, name, style, runs in zip("AB", look.names, look.styles, (found.a, found.b), strict=True)
    )
    return f'<h1>{made.text(title)}</h1><p class="caption">{made.text(about)}</p><div class="who">{who}</div>'


def _seeds(runs: tuple) -> str:  # type: ignore[type-arg]
    if len(runs) == 1:
        return f"seed {runs[0].seed}"
    return f"{len(runs)} seeds: {', '.join(str(run.seed) for run in runs)}"


def _verdict(content: ReportContent, look: _Look) -> str:
    found = content.comparison
    whole, state = found.whole, found.verdict
    if state is None:
        badge = made.badge("no verdict")
    elif state in ("A better", "B better"):
        badge = made.badge(f"✓ {state[0]} is better", "own", look.styles["AB".index(state[0])].colour)
    else:
        badge = made.badge("✓ equal", "ink") if state == "equal" else made.badge(state)
    if found.provisional and state is not None:
        badge += made.badge("provisional", "notice")
    about = "on recipes, whatever the seed" if found.about == "recipes" else "on these two networks, not on recipes"
    share = "" if whole.improved_low is None or whole.improved_high is None else (
        f"{100 * whole.improved_low:.1f} to {100 * whole.improved_high:.1f}"
    )  # fmt: skip
    measure = found.measure.upper()
    rows = [
        (f"{measure} of A", f"{look.text(whole.error_a)} {look.unit}", ""),
        (f"{measure} of B", f"{look.text(whole.error_b)} {look.unit}", ""),
        ("B \N{MINUS SIGN} A", f"{look.text(whole.difference, True)} {look.unit}", look.range(whole.low, whole.high)),
        ("B closer on", percent(whole.improved, 1), share),
        ("Equal means within", f"±{look.text(whole.margin)} {look.unit}", "" if found.margin is None else "as chosen"),
        ("Molecules", number(len(found.paired.ids)), f"{number(found.paired.left_out)} left out"),
    ]
    notes = "".join(f'<p class="caption">{made.text(note)}</p>' for note in found.notes)
    card = (
        f'<div class="card verdict">{badge}<span class="muted">{made.text(about)}</span>'
        f'<p class="sentence">{made.text(found.sentence)}</p>{made.facts(rows)}</div>{notes}'
    )
    return card + differing_table(found)


def _differences(content: ReportContent, look: _Look) -> str:
    cards: list[str] = []
    caption = (
        f"{content.comparison.measure.upper()} of B minus that of A in {look.unit}, {content.comparison.paired.part} · "
        "95 % intervals, all groups at once · band: equal · grey: undecided · hollow: fewer than 50 · dot: fewer than "
        "10"
    )
    for found in content.differences:
        told = (found, look.names, look.styles, look.factor, look.unit, False)
        name = f"difference_by_{found.by}"
        if found.by == "size_element":
            words = f"{look.unit} · in a model's colour where it is better, pale where undecided · dot: fewer than 10"
            cards.append(made.figure_card(name, "By size and element", words, difference_cells(*told)))
        elif in_a_row(found):
            title = f"By {grouping_name(found.by, found.paired.dataset).lower()}"
            cards.append(made.figure_card(name, title, caption, difference_by_size(*told)))
        else:
            title = f"By {grouping_name(found.by, found.paired.dataset).lower()}"
            few = 80 + 44 * len(found.groups) if len(found.groups) < 8 else 380
            cards.append(made.figure_card(name, title, caption, difference_by_group(*told, height=few)))
    numbers = [
        made.figure_card("", f"In numbers, by {grouping_name(found.by, found.paired.dataset).lower()}", "", None,
                         words=groups_table(found, look.factor, look.unit))
        for found in content.differences
        if found.by != "size_element"
    ]  # fmt: skip
    return "".join([*cards, *numbers])


def _errors(content: ReportContent, look: _Look) -> str:
    found = content.comparison
    dataset = found.paired.dataset
    view = View(found.measure, look.factor, look.unit, dark=False, log=True)
    whole = (found.whole.error_a, found.whole.error_b)

    def models(by: str) -> list[ModelErrors]:
        tables = content.errors[by]
        return [
            ModelErrors(name, style, table, overall if by == "element" else None)
            for name, style, table, overall in zip(look.names, look.styles, tables, whole, strict=True)
        ]

    caption = (
        f"{found.measure.upper()} in {look.unit}, {found.paired.part} · 95 % intervals, each by itself · hollow: 10 to "
        "49 molecules"
    )
    axis = group_axis(content.groupings["size"], dataset)
    accuracy = chemical_accuracy(dataset.card, found.paired.target) if found.per == "molecule" else None
    by_size = error_by_number(models("size"), axis, view, accuracy)
    elements = group_axis(content.groupings["element"], dataset)
    by_element = error_by_rows(models("element"), elements, view, height=90 + 40 * len(elements.names), training=True)
    return made.figure_card(
        "error_by_size", "Are rare sizes predicted worse?", f"{caption} · dot: fewer than 10", by_size
    ) + made.figure_card(
        "error_by_element", "And rare elements?", f"Molecules that contain it · {caption} · dotted: all", by_element
    )


def _learning(content: ReportContent, look: _Look) -> str:
    found = content.comparison
    if not any(len(curve.epochs) for curve in content.curves):
        return '<p class="muted">No epochs are recorded.</p>'
    factor, unit = shown_unit(
        found.paired.target.unit,
        max((float(curve.mean[-1]) for curve in content.curves if len(curve.mean)), default=0.0),
    )
    accuracy = chemical_accuracy(found.paired.dataset.card, found.paired.target)
    seeds = " · band: range of the seeds" if max(curve.n_seeds for curve in content.curves) > 1 else ""
    cards = []
    for against, title in (("epoch", "Against epochs"), ("time", "Against time, validation included")):
        fig = learning_figure(
            content.curves, ("A", "B"), look.styles, factor, unit_text(unit), False, True, against, accuracy  # type: ignore[arg-type]
        )  # fmt: skip
        caption = f"Validation MAE in {unit_text(unit)}, log{seeds}"
        cards.append(made.figure_card(f"learning_by_{against}", title, caption, fig, "half"))
    return made.row(*cards)


def _runs(content: ReportContent, look: _Look) -> str:
    return (
        ""
        if content.table is None
        else f'<div class="card">{runs_summary(content.table, look.factor, look.unit)}</div>'
    )


def _hypotheses(content: ReportContent, look: _Look) -> str:
    if "hypotheses" in content.faults:
        return f'<p class="muted">{made.text(content.faults["hypotheses"])}</p>'
    cards = [_finding(finding, content.comparison, look) for finding in content.findings]
    return made.row(*cards)


def _finding(finding: Finding, found: Comparison, look: _Look) -> str:
    of = {run.id: style for side, style in zip((found.a, found.b), look.styles, strict=True) for run in side}
    asked = {of.get(run.id, _OTHER) for run in finding.runs}
    style = asked.pop() if len(asked) == 1 else _OTHER
    unit = str(finding.details.get("unit") or found.paired.target.unit)
    errors = [row.get("mae") or 0.0 for row in finding.details.get("sizes", [])]
    factor, shown = shown_unit(unit.split("/")[0], max(errors, default=0.0))
    shown = unit_text(shown) + ("/atom" if unit.endswith("/atom") else "")
    fig = finding_figure(finding, style, factor, shown, False)
    tone = {"supported": "ink", "contradicted": "ink"}.get(finding.state, "")
    badge = made.badge(finding.state, tone) + (made.badge("provisional", "notice") if finding.provisional else "")
    asked_of = _called([run.name for run in finding.runs])
    runs = f"{asked_of} · {'on the recipe, whatever the seed' if finding.about == 'recipes' else ABOUT_NETWORK}"
    later = f"Provisional: {'; '.join(finding.provisional)}." if finding.provisional else ""
    mark = "" if style is _OTHER else f'<b style="color:{style.colour}">{style.glyph}</b> '
    words = (
        f'<p class="caption">{mark}{made.text(runs)}</p>{badge}'
        + (f'<p class="caption">{made.text(figure_caption(finding, shown))}</p>' if fig is not None else "")
        + (made.plot(f"{finding.hypothesis}", fig) if fig is not None else "")
        + (f"<p><b>{made.text(finding.line)}</b></p>" if finding.line else "")
        + f"<p>{made.text(finding.sentence)}</p>"
        + "".join(f'<p class="caption">{made.text(words)}</p>' for words in (finding.caution, later) if words)
    )
    return made.figure_card("", f"{finding.hypothesis}: {finding.claim}", "", None, "half", words)


def _called(names: list[str]) -> str:
    """Runs of one recipe by what their names share, few others by name."""
    shared = common_name(names) if len(names) > 1 else ""
    if shared and shared != names[0]:
        return f"{shared}, {len(names)} runs"
    return ", ".join(names) if len(names) < 4 else f"{names[0]} and {len(names) - 1} others"


def _methods(content: ReportContent, look: _Look) -> str:
    told = "".join(f"<p><b>{made.text(head)}.</b> {made.text(body)}</p>" for head, body in content.methods)
    return f'<div class="methods">{told}</div>'


def _hashes(content: ReportContent, look: _Look) -> str:
    versions = made.table(("package", "wrote this report"), list(content.versions.items()), (0, 1))
    commands = "\n".join(content.commands)
    return (
        hash_cards(content, look.styles)
        + f'<div class="row"><div class="card half"><h3>Versions</h3>{versions}</div></div>'
        + f'<div class="card"><h3>The commands that make it again</h3><pre>{made.text(commands)}</pre></div>'
    )
