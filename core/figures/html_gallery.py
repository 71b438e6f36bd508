"""A gallery of molecules as one HTML file that opens anywhere without network: pictures in 3D, one large view, errors.

3Dmol.js stands in the file. Where it is not in static/, or the reader's browser has no WebGL, structural formulas take
the place of 3D and the page says so.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from core.data.molecules import SYMBOLS
from core.figures.html_parts import text
from core.figures.numbers import number, shown_unit, significant, unit_text
from core.files import CHECKOUT
from core.judge.held_out import HeldOut, optimistic
from core.judge.inspect.gallery import depiction
from core.judge.inspect.outliers import OutlierPage

MOST = 500
"""Molecules on one page; each needs a picture."""
SCRIPT = CHECKOUT / "static" / "3Dmol-min.js"
_FONT = CHECKOUT / "static" / "inter.woff2"
_HERE = Path(__file__).parent
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; worker-src blob:"
)
_EMPTY = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
NO_SCRIPT = (
    "This file was written without 3Dmol.js, so that it shows structural formulas in place of 3D. To have 3D, run "
    "tools/fetch_static.py where Mollens is installed and write the file again."
)
NO_WEBGL = "This browser draws no 3D (WebGL is missing or off): structural formulas are shown instead."


def gallery_html(source: HeldOut, page: OutlierPage, order: str, filters: str = "", script: Path = SCRIPT) -> str:
    """The molecules of a page as one HTML file; beyond `MOST` they are left out and counted.

    Args:
        order: in words, as `core.judge.inspect.outliers.ORDERS` has it.
        filters: in words, which molecules these are.
        script: 3Dmol.js.
    """
    factor, unit = shown_unit(source.target.unit, page.mae)
    unit = unit_text(unit)
    shown = page.table.head(MOST)
    molecules = [_molecule(source, row, factor, unit) for row in shown.iter_rows(named=True)]
    card = source.dataset.card
    left = len(page.table) - len(molecules)
    caption = (
        f"{card.title} · {source.target.label} ({card.level_of_theory}) · {number(page.total)} {source.part} molecules"
        + (f", {filters}" if filters else "")
        + f" · {order} · {number(len(molecules))} shown"
        + (f", {number(left)} more left out" if left else "")
        + f" · MAE of all {number(page.n_held_out)}: {significant(page.mae * factor)} {unit}"
    )
    unknown = "".join(f"<p class='notice'>{text(each)}</p>\n" for each in optimistic([source.run], source.dataset))
    there = script.exists()
    body = (
        f"<h1>{text(source.run.name)}: {text(source.target.label)}</h1>\n<p class='caption'>{text(caption)}</p>\n"
        f"<p class='notice' role='status'{' hidden' if there else ''}>{text(NO_WEBGL if there else NO_SCRIPT)}</p>\n"
        f"{unknown}"
        f"<div class='two'><ul class='gallery' role='listbox' aria-label='Molecules'>{''.join(map(_card, molecules))}"
        "</ul><div class='large'><h2></h2><div class='scene'></div><p class='error'></p><dl></dl></div></div>"
    )
    plain = [{key: each[key] for key in ("id", "title", "error", "facts", "xyz")} for each in molecules]
    data = json.dumps(plain, ensure_ascii=True, separators=(",", ":"))
    for sign, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        data = data.replace(sign, code)
    library = ""
    if there:
        code = script.read_text(encoding="utf-8").replace("</script", "<\\/script")
        library = f"<script>{code}</script>\n"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light">\n'
        f"<title>{text(source.run.name)}: molecules</title>\n"
        f"<style>{_font()}\n{(_HERE / 'html_gallery.css').read_text()}</style>\n</head>\n<body>\n{body}\n"
        f'<script type="application/json" id="molecules">{data}</script>\n{library}'
        f"<script>{(_HERE / 'html_gallery.js').read_text() if molecules else ''}</script>\n</body>\n</html>\n"
    )


def _font() -> str:
    if not _FONT.exists():
        return ""
    data = base64.b64encode(_FONT.read_bytes()).decode()
    return f"@font-face{{font-family:Inter;font-weight:100 900;src:url(data:font/woff2;base64,{data})}}"


def _molecule(source: HeldOut, row: dict[str, Any], factor: float, unit: str) -> dict[str, Any]:
    def shown(value: float | None) -> str:
        return f"{significant(None if value is None else value * factor, 3, sign=True)} {unit}"

    decimals = 3 if source.target.unit == "eV" else 4
    own = unit_text(source.target.unit)
    facts = [
        ("formula", f"{row['formula']}, {row['size']} atoms"),
        ("SMILES", row["smiles"] or "none"),
        ("target", f"{number(row['target'], decimals)} {own}"),
        ("predicted", f"{number(row['predicted'], decimals)} {own}"),
        ("baseline's error", shown(row["baseline"] - row["target"])),
    ]
    if row["times_spread"] is not None:
        facts.append(("error", f"{row['times_spread']:.1f} times the spread of its size"))
    facts.append(("place in its size", f"{number(row['size_rank'])} of {number(row['n_size'])}, 1 is the worst"))
    if "difference" in row:
        facts += [("other model's error", shown(row["other_error"])), ("difference", shown(row["difference"]))]
    if "seed_spread" in row:
        spread = f"{significant(row['seed_spread'] * factor)} {unit}"
        facts += [("mean error of seeds", shown(row["mean_error"])), ("spread between seeds", spread)]
    return {
        "id": row["id"],
        "title": f"molecule {row['id']}",
        "error": shown(row["error"]),
        "times": "" if row["times_spread"] is None else f"{row['times_spread']:.1f} ×",
        "facts": [[name, value.strip()] for name, value in facts],
        "formula": row["formula"],
        "xyz": _xyz(source, row["row"]),
        "flat": depiction(row["smiles"]),
    }


def _xyz(source: HeldOut, row: int) -> str:
    """The molecule as the text of an xyz file, with an empty comment: a SMILES of others may hold line breaks."""
    molecules = source.dataset.molecules
    atoms = molecules.atoms(row)
    lines = [
        f"{SYMBOLS[int(number)]} {x:.4f} {y:.4f} {z:.4f}"
        for number, (x, y, z) in zip(molecules.numbers[atoms], molecules.positions[atoms], strict=True)
    ]
    return "\n".join([str(len(lines)), "", *lines]) + "\n"


def _card(molecule: dict[str, Any]) -> str:
    flat = molecule["flat"]
    image = _EMPTY if flat is None else f"data:image/svg+xml;base64,{base64.b64encode(flat.encode()).decode()}"
    label = f"{molecule['title']}, {molecule['formula']}, error {molecule['error']}"
    return (
        f'<li role="option" tabindex="-1" aria-selected="false" aria-label="{text(label)}">'
        f'<div class="head"><b>{text(molecule["error"])}</b><span>{text(molecule["times"])}</span></div>'
        f'<img alt="" src="{image}"><div class="foot">{text(molecule["id"])} · {text(molecule["formula"])}</div></li>'
    )
