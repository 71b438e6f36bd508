"""What the network said: all molecules in a table, and one of them with what its prediction rests on."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.data.molecules import Molecules
from core.data.store import Dataset
from core.errors import MollensError
from core.figures.numbers import formula, number, percent, shown_unit, significant, unit_text
from core.figures.own_molecules import distance_figure
from core.judge.inspect.own_molecules import SAME, answer_table
from pages.common.appearance import dark, plain
from pages.common.furniture import Fact, card, card_head, facts, note, show
from pages.common.models import style_of
from pages.common.table import Column, sortable_table
from pages.common.viewer import GalleryItem, molecule_explorer, molecule_gallery
from pages.judge.predict_parts.asking import Asked

Entry = dict[str, Any]
SHORT = 5
"""Molecules up to which the table is a small one."""


def show_answer(dataset: Dataset, asked: Asked, content: dict[str, Any], molecules: Molecules) -> None:
    """Everything below the question."""
    entries: list[Entry] = content["molecules"]
    for k, text in enumerate(content["notes"]):
        note(f":material/warning: {plain(text)}", f"file_{k}", "notice")
    if content["why_no_nearest"]:
        note(
            f"Predictions only: {plain(content['why_no_nearest'])}. So nothing can be said of nearest training "
            "molecules, of distances, or of the error to expect.",
            "no_nearest",
            "notice",
        )
    order = _ordered(entries)
    chosen = _chosen(order)
    grid = st.grid(5, min_column_width=190, gap="small")
    short = len(entries) <= SHORT  # what stands under the table where that is small, else under the molecule
    with grid.cell(column_span=3):
        with card("answer", height="stretch"):
            _table(dataset, asked, content, order, chosen)
        if short:
            with card("trust"):
                _trust(dataset, chosen, content)
    with grid.cell(column_span=2):
        with card("own", height="stretch"):
            _molecule(chosen, content, molecules)
        if not short:
            with card("trust"):
                _trust(dataset, chosen, content)
    if chosen["refused"]:
        return
    with card("far"):
        _how_far(asked, chosen, content)
    if chosen["nearest"]:
        with card("own_nearest"):
            _nearest(dataset, chosen, content)


def _unit(content: dict[str, Any]) -> tuple[float, str]:
    """Factor and unit of errors; of predictions the plain unit is used."""
    errors = [entry["expected"]["mae"] for entry in content["molecules"] if entry["expected"]]
    factor, unit = shown_unit(content["unit"], max(errors, default=0.0))
    return factor, unit_text(unit)


def _ordered(entries: list[Entry]) -> list[Entry]:
    """The molecules as the address sorts them; those without a value come last."""
    text = st.query_params.get("sort", "place")
    key, down = text.removeprefix("-"), text.startswith("-")
    value = _VALUES.get(key, _VALUES["place"])
    known = [entry for entry in entries if value(entry) is not None]
    known.sort(key=value, reverse=down)
    return known + [entry for entry in entries if value(entry) is None]


_VALUES: dict[str, Any] = {
    "place": lambda entry: entry["place"],
    "formula": lambda entry: entry["formula"],
    "n_atoms": lambda entry: entry["n_atoms"],
    "predicted": lambda entry: entry["predicted"],
    "expected": lambda entry: entry["expected"]["mae"] if entry["expected"] and entry["like_the_dataset"] else None,
    "percentile": lambda entry: entry["percentile"],
    "remarks": lambda entry: 99 if entry["refused"] else len(entry["warnings"]),
}


def _chosen(order: list[Entry]) -> Entry:
    """The molecule that the address names by its place in the file, else the first one that was predicted."""
    text = st.query_params.get("molecule", "")
    by_place = {str(entry["place"]): entry for entry in order}
    first = next((entry for entry in order if not entry["refused"]), order[0])
    return by_place.get(text, first)


def _table(dataset: Dataset, asked: Asked, content: dict[str, Any], order: list[Entry], chosen: Entry) -> None:
    label, description = _target(dataset, content["target"])
    unit, (factor, error_unit) = unit_text(content["unit"]), _unit(content)
    caption = (
        f"{plain(label)} in **{plain(unit)}** · usual error: mean absolute error of held-out molecules as large "
        "and as far from the training molecules · farther than: share of held-out molecules nearer to theirs"
    )
    card_head("What does it predict?", caption, "predictions", lambda: answer_table(content), asked.command)
    st.markdown(_sentence(content))
    columns = [
        Column("place", "", "", "Place in the file"),
        Column("formula", "Formula", "", "Sum formula", text=True),
        Column("n_atoms", "Atoms", "", "Atoms, hydrogens included"),
        Column("predicted", "Predicted", unit, description),
        Column("expected", "Usual error", error_unit, "Mean absolute error of similar held-out molecules"),
        Column("percentile", "Farther than", "%", "Share of held-out molecules that lie nearer to the training ones"),
        Column("remarks", "Remarks", "", "What speaks against trusting it", text=True),
    ]
    rows = [_row(entry, factor, not content["why_no_nearest"]) for entry in order]
    text = st.query_params.get("sort", "place")
    key = text.removeprefix("-") if text.removeprefix("-") in _VALUES else "place"
    sortable_table(
        columns, rows, "own_table", "Your molecules", key, text.startswith("-"), str(chosen["place"]), 0,
        _sort, _pick, height=min(62 + 32 * len(rows), 620),
    )  # fmt: skip


def _target(dataset: Dataset, key: str) -> tuple[str, str]:
    """Label and description of what is predicted; of a model from elsewhere the dataset may not have it."""
    try:
        target = dataset.property(key)
        return target.label, target.description
    except MollensError:
        return key, ""


def _row(entry: Entry, factor: float, checked: bool) -> list[str | None]:
    place, share = str(entry["place"]), entry["percentile"]
    if entry["refused"]:
        return [place, place, formula(entry["formula"]), number(entry["n_atoms"]), None, None, None, "not predicted"]
    expected = entry["expected"]
    told = [warning["kind"] for warning in entry["warnings"]] + ["trained on"] * (entry["same_as"] is not None)
    return [
        place, place, formula(entry["formula"]), number(entry["n_atoms"]), number(entry["predicted"], 4),
        None if expected is None or not entry["like_the_dataset"] else significant(expected["mae"] * factor),
        None if share is None else percent(share, 1).removesuffix(" %"),
        ", ".join(dict.fromkeys(told)) or ("none" if checked else "not looked at"),
    ]  # fmt: skip


def _sort(key: str) -> None:
    now = st.query_params.get("sort", "place")
    st.query_params["sort"] = f"-{key}" if now == key else key


def _pick(place: str) -> None:
    st.query_params["molecule"] = place


def _sentence(content: dict[str, Any]) -> str:
    n, refused, warned, known = (content[key] for key in ("n", "n_refused", "n_warned", "n_trained_on"))
    if content["why_no_nearest"]:
        rest = f", {number(refused)} not" if refused else ""
        return f"**{number(n - refused)} of {number(n)} predicted{rest}; nothing else could be looked at.**"
    if n == 1:
        if refused or warned:
            return "**Not predicted.**" if refused else "**With a warning.**"
        return "**It was trained on this molecule.**" if known else "**Nothing speaks against it.**"
    parts = []
    if n - refused - warned - known:
        parts.append(f"{number(n - refused - warned - known)} without a remark")
    if known:
        parts.append(f"{number(known)} that it was trained on")
    if warned:
        parts.append(f"{number(warned)} with warnings")
    if refused:
        parts.append(f"{number(refused)} not predicted")
    return f"**Of {number(n)} molecules {', '.join(parts)}.**"


def _molecule(entry: Entry, content: dict[str, Any], molecules: Molecules) -> None:
    unit = unit_text(content["unit"])
    card_head(f"{formula(entry['formula'])} · number {entry['place']}", f"{number(entry['n_atoms'])} atoms", "own_head")
    molecule_explorer(
        molecules, entry["place"] - 1, "own_3d", height=320 if len(content["molecules"]) <= SHORT else 480
    )
    if entry["refused"]:
        return
    rows = [
        Fact("Predicted", number(entry["predicted"], 4), unit),
        Fact("Baseline", number(entry["baseline"], 4), unit),
    ]
    if entry["label"] is not None:
        rows.append(Fact(f"In the file, {entry['label']['column']}", significant(entry["label"]["value"], 8)))
    facts(rows, columns=True)
    if entry["label"] is not None:
        st.caption("Unit and level of theory of the file's own value are not known here, so no error is claimed.")


def _trust(dataset: Dataset, entry: Entry, content: dict[str, Any]) -> None:
    """What to expect, and what speaks against it."""
    factor, unit = _unit(content)
    level = plain(dataset.card.level_of_theory or "this dataset's level of theory")
    card_head("Can it be trusted?", f"Against {level}, as in this dataset, never against experiment", "trust")
    if entry["refused"]:
        note(f"**Not predicted:** it {plain(entry['refused'])}.", "refused", "failed")
        return
    st.markdown(_expectation(entry, factor, unit))
    for k, warning in enumerate(entry["warnings"]):
        text = warning["text"]
        note(f":material/warning: {plain(text[:1].upper() + text[1:])}.", f"warning_{k}", "notice")
    if not entry["warnings"] and content["n_training"] and entry["same_as"] is None:
        st.caption(
            "Elements, size, distances between atoms and the distance to the training molecules are like those that "
            "the model was trained on. Models of minima say nothing true of other points of the energy surface."
        )


def _expectation(entry: Entry, factor: float, unit: str) -> str:
    expected = entry["expected"]
    if entry["same_as"] is not None:
        return (
            f"**It is training molecule {entry['same_as']} itself**, or its mirror image: the prediction says how well "
            "it was learned, and nothing of other molecules."
        )
    if expected is None:
        if entry["percentile"] is not None and entry["percentile"] >= 1:
            return "**No held-out molecule lies as far from the training molecules**, so no error can be told."
        return "What error to expect cannot be told."
    sizes = "of any size" if expected["sizes"] is None else f"of {expected['sizes'][0]} to {expected['sizes'][1]} atoms"
    interval = ""
    if expected["low"] is not None and expected["interval"] != "none":
        low, high = (significant(expected[key] * factor) for key in ("low", "high"))
        interval = f" (95 % interval of this mean {low} to {high})"
    like = entry["like_the_dataset"]
    size = f"{significant(expected['mae'] * factor)} {unit}"
    whose = f"{number(expected['n'])} {expected['part']} molecules {sizes}, about as far from the training molecules"
    if not like:
        return (
            f"**It is unlike most molecules of the dataset** and may be off by much more than those are: {size}"
            f"{interval}, the mean absolute error of {whose}."
        )
    text = f"**Usually off by {size}**{interval}: mean absolute error of {whose}."
    if expected["p95"] is not None:
        text += f" One in twenty of them is off by more than {significant(expected['p95'] * factor)} {unit}."
    return text


def _how_far(asked: Asked, entry: Entry, content: dict[str, Any]) -> None:
    title = "How far is it from what was trained on?"
    if content["held_out"] is None or entry["distance"] is None:
        card_head(title, "", "far")
        st.caption("It is not known which molecules this model was trained on.")
        return
    n_held, n_train = number(content["n_held_out"]), number(content["n_training"])
    card_head(
        title,
        f"Distance of the network's own standardised features to the nearest of {n_train} training molecules · grey: "
        f"{n_held} held-out molecules · marks: yours, this one in the colour of its model",
        "far",
        image="own_distance",
    )
    share, colour = entry["percentile"], style_of(asked.run.id).colour
    if share is not None and share >= 1:
        st.markdown(f"**Farther than all {n_held} held-out molecules.**")
    elif share is not None and share <= 0:
        st.markdown(f"**Nearer than all {n_held} held-out molecules.**")
    elif share is not None:
        st.markdown(f"**Farther than {percent(share, 1)} of the held-out molecules.**")
    fig = distance_figure(content["held_out"], content["molecules"], entry["place"], colour, dark())
    show(fig, "own_distance", f"Distances of {n_held} held-out molecules and of yours to the training molecules")


def _nearest(dataset: Dataset, entry: Entry, content: dict[str, Any]) -> None:
    factor, error_unit = _unit(content)
    unit = unit_text(content["unit"])
    card_head(
        "Which training molecules is it nearest to?",
        f"By the network's own features, nearest first · target in {plain(unit)} and the model's error on it in "
        f"{plain(error_unit)}, as a rule smaller than on others, because it was trained on them · click to see more",
        "own_nearest",
    )
    rows = dataset.molecules.rows_of([each["id"] for each in entry["nearest"]])  # type: ignore[arg-type]
    items = [
        GalleryItem(
            id=str(each["id"]),
            row=int(row),
            title="the same" if each["distance"] < SAME else f"{significant(each['distance'], 2)} away",
            right=f"id {each['id']}",
            lines=(
                f"{formula(each['formula'])} · {each['n_atoms']} atoms",
                f"target {number(each['target'], 3)} {unit}",
                "no label to compare with"
                if each["error"] is None
                else f"error {significant(each['error'] * factor, 2, sign=True)} {error_unit}",
            ),
        )
        for each, row in zip(entry["nearest"], rows, strict=True)
    ]
    clicked = molecule_gallery(
        dataset.molecules, items, "own_nearest_3d", columns="auto-fill", smallest="max(150px, 18%)", height=120
    )
    if clicked is not None:
        st.switch_page("pages/explore/molecules.py", query_params={"dataset": dataset.name, "molecule": clicked})
