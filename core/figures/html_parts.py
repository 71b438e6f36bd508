"""Pieces of a page of HTML that needs nothing but itself: text, tables, figures. All text is escaped here."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from core.files import CHECKOUT

_CSS = Path(__file__).parent / "html_report.css"
_FONT = CHECKOUT / "static" / "inter.woff2"
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)
_DRAW = """
for (const place of document.querySelectorAll(".plot")) {
  const figure = JSON.parse(place.nextElementSibling.textContent);
  Plotly.newPlot(place, figure.data, figure.layout, {
    responsive: true, displaylogo: false, doubleClick: false, modeBarButtons: [["toImage"]],
    toImageButtonOptions: { format: "svg", filename: place.dataset.name, width: null, height: null },
  });
}
const A4 = 703; // CSS pixels between the margins of the page; when this is asked, the page still has its width
addEventListener("beforeprint", () => {
  const share = Math.min(A4 / document.body.clientWidth, 1);
  for (const place of document.querySelectorAll(".plot"))
    Plotly.relayout(place, { width: Math.floor(place.clientWidth * share) - 12, autosize: false });
});
addEventListener("afterprint", () => {
  for (const place of document.querySelectorAll(".plot")) Plotly.relayout(place, { width: null, autosize: true });
});
"""


def text(words: object) -> str:
    """Words that others may have written, as HTML shows them."""
    return html.escape(str(words), quote=True)


def page(title: str, body: str) -> str:
    """A whole file: styles, font where there is one, plotly.js once, and what draws the figures. No network."""
    font = ""
    if _FONT.exists():
        data = base64.b64encode(_FONT.read_bytes()).decode()
        font = f"@font-face{{font-family:Inter;font-weight:100 900;src:url(data:font/woff2;base64,{data})}}"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light">\n'
        f"<title>{text(title)}</title>\n<style>{font}\n{_CSS.read_text()}</style>\n</head>\n<body>\n{body}\n"
        f"<script>{get_plotlyjs()}</script>\n<script>{_DRAW}</script>\n</body>\n</html>\n"
    )


def figure_card(name: str, title: str, caption: str, fig: go.Figure | None, width: str = "", words: str = "") -> str:
    """A figure with its question and what it shows.

    Args:
        name: of the file when the figure is saved.
        width: "wide", "third" or "half" within a row.
        words: HTML under the figure.
    """
    head = f"<h3>{text(title)}</h3>" if title else ""
    told = f'<p class="caption">{text(caption)}</p>' if caption else ""
    return f'<div class="card {width}">{head}{told}{plot(name, fig) if fig is not None else ""}{words}</div>'


def plot(name: str, fig: go.Figure) -> str:
    """A place for a figure, and what it is made of."""
    # Streamlit's pages measure the width; here the place does.
    content = json.loads(fig.to_json())
    made = json.dumps({"data": content["data"], "layout": content["layout"]}, separators=(",", ":"), ensure_ascii=False)
    for sign, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        made = made.replace(sign, code)
    high = int(fig.layout.height or 300)
    return (
        f'<div class="plot" data-name="{text(name)}" style="height:{high}px"></div>'
        f'<script type="application/json">{made}</script>'
    )


def row(*cards: str) -> str:
    """Cards side by side where there is room."""
    return f'<div class="row">{"".join(cards)}</div>'


def section(title: str, *parts: str) -> str:
    """A part of the page under its heading."""
    return f"<h2>{text(title)}</h2>\n{''.join(parts)}\n"


def table(
    heads: Sequence[str], rows: Sequence[Sequence[object]], words: Sequence[int] = (0,), wrap: bool = True
) -> str:
    """A table; the columns at the places `words` are written from the left, and may have several lines with `wrap`."""

    def line(cells: Sequence[object], tag: str) -> str:
        left = f' class="text{"" if wrap else " one"}"'
        made = (
            f"<{tag}{left if k in words else ''}>{text('' if cell is None else cell)}</{tag}>"
            for k, cell in enumerate(cells)
        )
        return f"<tr>{''.join(made)}</tr>"

    body = "".join(line(cells, "td") for cells in rows)
    return f'<div class="scroll"><table><thead>{line(heads, "th")}</thead><tbody>{body}</tbody></table></div>'


def pairs(rows: Sequence[tuple[str, object]], code: bool = False) -> str:
    """Names with what they stand for, one below the other."""
    tags = ("<code>", "</code>") if code else ("", "")
    return (
        "<dl>"
        + "".join(f"<dt>{text(name)}</dt><dd>{tags[0]}{text(value)}{tags[1]}</dd>" for name, value in rows)
        + "</dl>"
    )


def facts(rows: Sequence[tuple[str, str, str]]) -> str:
    """A strip of numbers: label, value, remark."""
    cells = (
        f"<div><span>{text(label)}</span><b>{text(value)}</b><i>{text(small)}</i></div>" for label, value, small in rows
    )
    return f'<div class="facts">{"".join(cells)}</div>'


def badge(words: str, tone: str = "", colour: str = "") -> str:
    """A small label: tone "ink", "notice", or "own" with a colour."""
    style = f' style="--own:{text(colour)}"' if colour else ""
    return f'<span class="badge {tone}"{style}>{text(words)}</span>'
