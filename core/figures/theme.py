"""One visual language: colours, light and dark, the plotly template, and the colour and symbol of every model.

One colour has one job. A model's colour is never a magnitude; orange is "worse than the rest"; red is "failed"; counts
of data are grey.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import plotly.graph_objects as go

FONT = "Inter, sans-serif"

Figure = go.Figure
"""What every figure function returns; pages take the name from here and leave plotly to this room."""


@dataclass(frozen=True)
class Colours:
    """Every colour of one appearance, by its role; all `#RRGGBB`."""

    page: str
    sidebar: str
    line: str
    """Borders of cards and rules between rows."""
    hover: str
    """Ground of a row under the pointer and of empty progress bars."""
    ink: str
    muted: str
    """Captions and ticks."""
    faint: str
    """Notes inside a figure, reference lines."""
    grid: str
    axis: str
    behind: str
    """Histogram behind other marks."""
    count: str
    """Fill of a count of data."""
    count_line: str
    """Outline of a count of data."""
    worse: str
    """Worse than the rest, rare or unfinished."""
    failed: str
    notice: str
    """Text of a provisional statement."""
    notice_ground: str
    failed_ground: str
    error_ramp: tuple[str, ...]
    """Magnitude of error, small to large: further from the page is worse."""
    count_ramp: tuple[str, ...]
    """Number of molecules, few to many."""
    difference: tuple[str, ...]
    """Below, equal, above; symmetric; the middle is the page."""
    atom_difference: tuple[str, ...]
    """The same on atoms, where the middle must not be the background."""


LIGHT = Colours(
    page="#FFFFFF",
    sidebar="#F8FAFC",
    line="#E2E8F0",
    hover="#F1F5F9",
    ink="#0F172A",
    muted="#64748B",
    faint="#94A3B8",
    grid="#EEF2F6",
    axis="#CBD5E1",
    behind="#EDF1F6",
    count="#CBD5E1",
    count_line="#64748B",
    worse="#C2570C",
    failed="#DC2626",
    notice="#854D0E",
    notice_ground="#FEF3C7",
    failed_ground="#FEF2F2",
    error_ramp=("#EEF2F7", "#CFDAE8", "#A3B8D2", "#7290B5", "#486A97", "#28446D", "#101D36"),
    count_ramp=("#F1F5F9", "#E2E8F0", "#CBD5E1", "#A6B2C3", "#7C8BA1", "#55637A", "#334155"),
    difference=("#2B6CB0", "#9CC3E3", "#F3F5F8", "#F2B078", "#C2570C"),
    atom_difference=("#2B6CB0", "#7FB2DD", "#E9EDF2", "#F2B078", "#C2570C"),
)
DARK = Colours(
    page="#0F1420",
    sidebar="#0B101A",
    line="#263042",
    hover="#1A2334",
    ink="#E2E8F0",
    muted="#94A3B8",
    faint="#64748B",
    grid="#1E2738",
    axis="#3B475C",
    behind="#1D2636",
    count="#3B475C",
    count_line="#94A3B8",
    worse="#FB9A4B",
    failed="#F87171",
    notice="#FDE68A",
    notice_ground="#3A3212",
    failed_ground="#2C1618",
    error_ramp=("#171F2E", "#22304A", "#334A70", "#5474A0", "#8AA6C8", "#C5D5E8", "#F8FAFC"),
    count_ramp=("#1A2232", "#263042", "#3B475C", "#56637A", "#7C8BA1", "#A9B5C6", "#E2E8F0"),
    difference=("#5BA4F0", "#2C5684", "#1C2637", "#8F4E1D", "#FB9A4B"),
    atom_difference=("#3F8CFF", "#7FA3D6", "#8A94A6", "#D19F7C", "#FF8A3D"),
)


def colours(dark: bool) -> Colours:
    """The colours of the dark or the light appearance."""
    return DARK if dark else LIGHT


@dataclass(frozen=True)
class ModelStyle:
    """How one model is marked on every page."""

    colour: str
    symbol: str
    """plotly's name of the marker."""
    glyph: str
    """The same symbol as a character."""
    markdown: str
    """Streamlit's name of the colour, as in `:blue[●]`; the theme file holds the same hex values."""


_MODEL_MARKS = (
    # light, dark, plotly symbol, character, name in the theme file
    ("#4F46E5", "#8B93FF", "circle", "●", "blue"),
    ("#0B857A", "#2DD4BF", "diamond", "◆", "green"),
    ("#B5338A", "#F472B6", "square", "■", "violet"),
    ("#0369A1", "#38BDF8", "triangle-up", "▲", "primary"),
    ("#64748B", "#94A3B8", "cross", "✚", "gray"),
    ("#64748B", "#94A3B8", "x", "✖", "gray"),
    ("#64748B", "#94A3B8", "star", "★", "gray"),
    ("#64748B", "#94A3B8", "hexagon", "⬢", "gray"),
)


def model_style(place: int, dark: bool) -> ModelStyle:
    """Colour and symbol of the model that was picked as number `place` (from 0); grey from the fifth on."""
    if place >= len(_MODEL_MARKS):
        place = 4 + (place - 4) % (len(_MODEL_MARKS) - 4)
    light_colour, dark_colour, symbol, glyph, markdown = _MODEL_MARKS[place]
    return ModelStyle(dark_colour if dark else light_colour, symbol, glyph, markdown)


# Jmol's colours, softened; 3Dmol's light darkens them. Elements that are not named are drawn in OTHER_ELEMENT.
ELEMENTS_LIGHT = {
    "H": "#D8DEE6", "B": "#F2B6A8", "C": "#97A1AD", "N": "#4F7BFF", "O": "#FF5A4F", "F": "#56BF66",
    "Si": "#D9B98C", "P": "#F08A3C", "S": "#E3C53C", "Cl": "#3FA95B", "Br": "#A8503F", "I": "#8A4FB5",
}  # fmt: skip
ELEMENTS_DARK = {
    **ELEMENTS_LIGHT,
    "H": "#E5E7EB",
    "C": "#97A3B6",
    "N": "#5B82FF",
    "O": "#FF5A4D",
    "F": "#5FCB6E",
}
OTHER_ELEMENT = "#D58AC4"


def element_colours(dark: bool) -> dict[str, str]:
    """Colour of each element's atoms by symbol; use OTHER_ELEMENT for the rest."""
    return dict(ELEMENTS_DARK if dark else ELEMENTS_LIGHT)


def rgba(colour: str, alpha: float) -> str:
    """A `#RRGGBB` colour with an opacity from 0 to 1, as CSS and plotly write it."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def scale(ramp: Sequence[str]) -> list[list[float | str]]:
    """A plotly colour scale of equal steps through `ramp`."""
    return [[place / (len(ramp) - 1), colour] for place, colour in enumerate(ramp)]


def mix(ramp: Sequence[str], share: float) -> str:
    """The colour at `share` (0 to 1, clipped) of a ramp, as `#RRGGBB`."""
    position = min(max(share, 0.0), 1.0) * (len(ramp) - 1)
    low = min(int(position), len(ramp) - 2)
    part = position - low
    pairs = [(int(ramp[low][i : i + 2], 16), int(ramp[low + 1][i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * part):02X}" for a, b in pairs)


@cache
def template(dark: bool) -> go.layout.Template:
    """The plotly template: no legend, no frame, horizontal grid only, all colours ours."""
    c = colours(dark)
    axis = {
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "fixedrange": True,  # so that scrolling scrolls the page
        "gridcolor": c.grid,
        "tickfont": {"size": 11, "color": c.muted},
        "title": {"font": {"size": 11.5, "color": c.muted}, "standoff": 6},
        "minor": {"ticks": ""},
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 11.5, "color": c.muted},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "showlegend": False,
            "hovermode": "closest",
            "dragmode": False,
            "separators": ".,",
            "hoverlabel": {
                "bgcolor": c.page,
                "bordercolor": c.axis,
                "font": {"family": FONT, "size": 12, "color": c.ink},
                "align": "left",
            },
            "annotationdefaults": {
                "font": {"family": FONT, "size": 11, "color": c.muted},
                "showarrow": False,
            },
            "xaxis": {**axis, "showgrid": False},
            "yaxis": {**axis, "showgrid": True},
        }
    )


def figure(dark: bool, height: int, left: int = 46, right: int = 12, top: int = 10, bottom: int = 40) -> go.Figure:
    """An empty figure of the house: template, height and margins in pixels."""
    margin = {"l": left, "r": right, "t": top, "b": bottom, "pad": 0}
    return go.Figure(layout={"template": template(dark), "height": height, "margin": margin})


def annotate(fig: go.Figure, notes: Sequence[dict[str, Any]]) -> None:
    """Add many annotations at once; one by one, plotly copies all that are there each time."""
    fig.layout.annotations = [*fig.layout.annotations, *notes]


def name_at_end(fig: go.Figure, y: float, text: str, colour: str, bold: bool = False, log: bool = False) -> None:
    """Write a line's name at the right edge of the plot, at height `y` (a value, also on a log axis)."""
    fig.add_annotation(
        x=1.0,
        xref="paper",
        xanchor="left",
        xshift=6,
        y=math.log10(y) if log else y,
        yref="y",
        yanchor="middle",
        align="left",
        text=f"<b>{text}</b>" if bold else text,
        font={"size": 11.5, "color": colour},
    )


def level_line(fig: go.Figure, y: float, c: Colours) -> None:
    """A dotted line at the value `y` across the whole plot: a reference to read curves against."""
    line = {"color": c.faint, "width": 1, "dash": "dot"}
    fig.add_shape(type="line", xref="paper", x0=0, x1=1, y0=y, y1=y, line=line)


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """Move label positions apart until neighbours are at least `gap` away, keeping order and centre of each cluster."""
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    clusters: list[list[float]] = []  # [sum of wanted positions minus offsets, count]
    for index in order:
        clusters.append([positions[index], 1])
        while len(clusters) > 1:
            (sum_a, n_a), (sum_b, n_b) = clusters[-2], clusters[-1]
            end_of_a = sum_a / n_a + (n_a - 1) * gap / 2
            start_of_b = sum_b / n_b - (n_b - 1) * gap / 2
            if start_of_b - end_of_a >= gap:
                break
            clusters[-2:] = [[sum_a + sum_b, n_a + n_b]]
    placed = [0.0] * len(positions)
    rank = 0
    for total, count in clusters:
        first = total / count - (count - 1) * gap / 2
        for step in range(int(count)):
            placed[order[rank]] = first + step * gap
            rank += 1
    return placed


def log_ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Plain ticks of a log axis between two positive values: 1-2-5 steps, only decades where they would crowd."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if math.log10(high / low) <= 2.6 else (1,)
    every = max(1, math.ceil(len(decades) / 7)) if steps == (1,) else 1
    values = [
        step * 10.0**d
        for d in decades
        if d % every == 0
        for step in steps
        if low * 0.999 <= step * 10.0**d <= high * 1.001
    ]
    return values, [_plain(value) for value in values]


def _plain(value: float) -> str:
    exponent = math.floor(math.log10(value) + 1e-9)
    if -3 <= exponent <= 5:
        return f"{value:,.0f}" if value >= 1 else f"{value:.{-exponent}f}"
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
