"""Two properties as a density: where the molecules are, and how the two go together."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from core.data.distributions import Bins, Histogram
from core.data.joint import Joint
from core.figures.dataset_distribution import N_OUTLINED, value_axis
from core.figures.numbers import MINUS, in_sentence, number, unit_text
from core.figures.picking import Picked
from core.figures.theme import annotate, colours, figure, scale, spread

Labelled = tuple[str, str]
"""Name and unit of a property."""


def density(
    joint: Joint,
    x: Labelled,
    y: Labelled,
    dark: bool,
    height: int = 380,
    behind: Joint | None = None,
    chosen: tuple[Picked, Picked] | None = None,
    centres: Mapping[str, tuple[Histogram, Histogram]] | None = None,
) -> go.Figure:
    """How many molecules have which two values; grey on a log scale.

    Of the marks that a click or a drag picks, `picked_range` gives the range of x (place 0) and that of y (place 1).

    Args:
        joint: of the molecules that the filters leave.
        behind: of all molecules, drawn faint where the filters leave none.
        chosen: ranges of x and y that are filters themselves, outlined.
        centres: group -> its histograms of x and y, whose medians are marked; groups below 10 molecules are left out.
    """
    c = colours(dark)
    fig = figure(dark, height, left=58, right=10, top=40, bottom=44)
    n_y, n_x = joint.counts.shape
    middle_x, middle_y = np.arange(n_x) + 0.5, np.arange(n_y) + 0.5
    ground = joint.counts if behind is None else behind.counts
    if behind is not None:
        faint = np.where((ground > 0) & (joint.counts == 0), 0.0, np.nan)
        fig.add_heatmap(
            x=middle_x, y=middle_y, z=faint, colorscale=[[0, c.behind], [1, c.behind]], showscale=False,
            hoverongaps=False, hoverinfo="skip", name="all",
        )  # fmt: skip
    with np.errstate(divide="ignore"):
        shade = np.where(joint.counts > 0, np.log10(joint.counts), np.nan)
    top = max(math.log10(max(joint.counts.max(initial=1), 1)), 1.0)
    low = -0.3 if behind is None else -0.4 * top  # a few molecules must not look like none
    fig.add_heatmap(
        x=middle_x, y=middle_y, z=shade, zmin=low, zmax=top,
        colorscale=scale(c.count_ramp), showscale=False, hoverongaps=False, hoverinfo="skip", name="shown",
    )  # fmt: skip
    _targets(fig, joint, ground, behind is not None, x[1], y[1])
    if chosen is not None:
        (x0, x1), (y0, y1) = (_ends(bins, span) for bins, span in zip((joint.x, joint.y), chosen, strict=True))
        fig.add_shape(type="rect", x0=x0, x1=x1, y0=y0, y1=y1, line={"color": c.ink, "width": 1.6})
    _mark_centres(fig, joint, centres or {}, height, dark)
    heads = {"xref": "paper", "yref": "paper", "y": 1.0, "yanchor": "bottom"}
    parts = [f"n = {number(joint.n)}"]
    if joint.outside:
        parts.append(f"{number(joint.outside)} outside")
    if joint.missing:
        parts.append(f"{number(joint.missing)} without both")
    text = (
        f"<b>Spearman {coefficient(joint.spearman)} · Pearson {coefficient(joint.pearson)}</b><br>{' · '.join(parts)}"
    )
    annotate(fig, [{**heads, "x": 0.0, "xanchor": "left", "align": "left", "text": text, "font": {"color": c.ink}}])
    value_axis(fig, joint.x, *x)
    value_axis(fig, joint.y, *y, upright=True)
    fig.update_xaxes(range=[0, n_x])
    fig.update_yaxes(range=[0, n_y], showgrid=False, automargin=False)
    return fig


def _targets(fig: go.Figure, joint: Joint, ground: np.ndarray, filtered: bool, unit_x: str, unit_y: str) -> None:
    """Marks that cannot be seen lie on the cells: a heatmap takes neither clicks nor drags."""
    j, i = np.nonzero(ground)
    edges_x, edges_y = joint.x.edges, joint.y.edges
    told = [edges_x[i], edges_x[i + 1], edges_y[j], edges_y[j + 1], joint.counts[j, i], ground[j, i]]
    of = " of %{customdata[5]:,}" if filtered else ""
    value = "%{{customdata[{}]:,.6~r}}"
    lines = [
        f"{value.format(place)} to {value.format(place + 1)} {unit_text(unit)}".rstrip()
        for place, unit in ((0, unit_x), (2, unit_y))
    ]
    fig.add_scatter(
        x=i + 0.5,
        y=j + 0.5,
        mode="markers",
        marker={"symbol": "square", "size": 8, "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        customdata=np.stack(told, axis=1),
        hovertemplate=f"<b>%{{customdata[4]:,}}{of} molecules</b><br>{'<br>'.join(lines)}<extra></extra>",
        name="cells",
    )


def _ends(bins: Bins, span: Picked) -> tuple[float, float]:
    low = 0.0 if span[0] is None else min(max(bins.place(span[0]), 0.0), bins.n_bins)
    high = bins.n_bins if span[1] is None else min(max(bins.place(span[1]), 0.0), bins.n_bins)
    return low, float(high)


def _mark_centres(
    fig: go.Figure, joint: Joint, centres: Mapping[str, tuple[Histogram, Histogram]], height: int, dark: bool
) -> None:
    c = colours(dark)
    known = {name: both for name, both in centres.items() if min(part.n for part in both) >= N_OUTLINED}
    if not known:
        return
    x = [joint.x.place(both[0].median) for both in known.values()]
    y = [joint.y.place(both[1].median) for both in known.values()]
    fig.add_scatter(
        x=x, y=y, mode="markers", marker={"symbol": "cross-thin", "size": 9, "line": {"width": 1.8, "color": c.ink}},
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}}, hoverinfo="skip", name="medians",
    )  # fmt: skip
    pixels = (height - 84) / joint.y.n_bins
    notes = []
    for name, a, b, label in zip(known, x, y, spread(y, 17 / pixels), strict=True):
        side = -1 if a > 0.55 * joint.x.n_bins else 1
        notes.append({
            "x": a, "y": b, "ax": 22 * side, "ay": (b - label) * pixels, "xanchor": "left" if side > 0 else "right",
            "showarrow": True, "arrowhead": 0, "arrowwidth": 0.8, "arrowcolor": c.ink, "text": name,
            "bgcolor": c.page, "borderpad": 1, "font": {"size": 11, "color": c.ink},
        })  # fmt: skip
    annotate(fig, notes)


def coefficient(value: float) -> str:
    """A correlation in two digits, with its sign."""
    return "unknown" if math.isnan(value) else f"{value:+.2f}".replace("-", MINUS)


def density_sentence(joint: Joint, x: Labelled, y: Labelled) -> str:
    """Whether two properties rise together, in Markdown."""
    names = f"{in_sentence(x[0])} and {in_sentence(y[0])}"
    if math.isnan(joint.spearman):
        return f"Not enough data to tell whether {names} go together: n = {number(joint.n)}."
    size = abs(joint.spearman)
    how = "hardly go together" if size < 0.1 else "go together weakly" if size < 0.4 else "go together"
    how = "go together closely" if size >= 0.8 else how
    turn = ", one falling as the other rises" if joint.spearman <= -0.1 else ""
    first = f"{names[0].upper()}{names[1:]}" if names[1:2].islower() else names
    return (
        f"**{first} {how}{turn}**: Spearman {coefficient(joint.spearman)}, Pearson {coefficient(joint.pearson)}, "
        f"n = {number(joint.n)}."
    )
