"""The form of a new split: method, its parameters and seed; what it would be is shown beside it before it is saved."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data.identity import read_identities
from core.data.split_making import command, make_folds, make_split, preview
from core.data.split_methods import METHODS, default_shares
from core.data.splits import Split
from core.data.store import Dataset
from core.errors import MollensError
from core.figures.numbers import number
from core.files import home
from pages.common.appearance import plain
from pages.common.furniture import card, card_head
from pages.common.loaders import load_dataset

_SAVED = "_split_saved"


def split_form(dataset: Dataset) -> Split | MollensError:
    """Ask for a method and its parameters; the method stands in the address as `new`.

    Returns:
        The split as it would be, or the sentence that says why there is none.
    """
    with card("split_form", gap="small"):
        card_head("New split", "Made and named before training; runs on it are compared on the same molecules", "new")
        method = _method(dataset)
        st.caption(METHODS[method].help)
        given = _parameters(dataset, method)
        seed = int(
            st.number_input("Seed", min_value=0, max_value=2**31 - 1, step=1, key=_key(dataset, "seed"), format="%d")
        )
        given["together"] = "identity" if _together(dataset) else "none"
        given["where"] = _where(dataset)
        made = _preview(dataset, method, seed, given)
        if isinstance(made, MollensError):
            st.error(plain(str(made).removeprefix("split: ")), icon=":material/error:")
        _save(dataset, method, seed, given, isinstance(made, MollensError))
    return made


def just_saved() -> str:
    """A sentence about the split that was saved a moment ago, once."""
    return str(st.session_state.pop(_SAVED, ""))


def _key(dataset: Dataset, field: str) -> str:
    """Key of a widget; another dataset has others, so that a click never acts on what has taken its dataset's place."""
    return f"split_{field}_{dataset.name}"


def _method(dataset: Dataset) -> str:
    names = list(METHODS)
    asked = st.query_params.get("new", names[0])
    if asked not in names:
        st.warning(f"There is no method {plain(asked)}.", icon=":material/info:")
        asked = names[0]
    chosen = st.selectbox(
        "Method",
        names,
        index=names.index(asked),
        format_func=lambda name: METHODS[name].title,
        key=_key(dataset, "method"),
    )
    if st.query_params.get("new") != chosen:
        st.query_params["new"] = chosen
    return chosen


def _parameters(dataset: Dataset, method: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    takes = METHODS[method].takes
    grid = st.grid(2, min_column_width=130, gap="small")
    usual = default_shares(dataset.molecules.n_molecules)
    if "sizes" in takes:
        sizes = dataset.molecules.sizes
        text = grid.cell().text_input(
            "Tested sizes",
            value=_largest(sizes),
            key=_key(dataset, "sizes"),
            help=f"Numbers of atoms such as 22-29 or 3-9,12. The dataset has {sizes.min()} to {sizes.max()}.",
            max_chars=200,
        )
        given["sizes"] = text.strip()
    if "element" in takes:
        counts = {symbol: int(dataset.molecules.contains(z).sum()) for symbol, z in _elements(dataset)}
        given["element"] = grid.cell().selectbox(
            "Tested element",
            sorted(counts, key=counts.__getitem__),
            format_func=lambda symbol: f"{symbol} · {number(counts[symbol])}",
            key=_key(dataset, "element"),
        )
    if "k" in takes:
        given["k"] = int(grid.cell().number_input("Folds", value=5, step=1, key=_key(dataset, "k"), format="%d"))
        given["fold"] = int(
            grid.cell().number_input(
                "Fold shown", value=1, step=1, key=_key(dataset, "fold"), format="%d", help="All folds are saved"
            )
        )
    if "train" in takes:
        given["train"] = _share(grid, "Training", usual[0], _key(dataset, "train"))
    if "validation" in takes:
        whole = "train" in takes
        share, field = (usual[1], "validation_all") if whole else (0.1, "validation_rest")
        note = "" if whole else " Of the molecules that are not tested."
        given["validation"] = _share(grid, "Validation", share, _key(dataset, field), note)
    return given


def _largest(sizes: NDArray[np.int64]) -> str:
    """The largest sizes that together make up at most about a tenth of the molecules: "22-29"."""
    low, high = int(np.quantile(sizes, 0.9)) + 1, int(sizes.max())
    return f"{low}-{high}" if low < high else str(high)


def _elements(dataset: Dataset) -> list[tuple[str, int]]:
    return list(zip(dataset.molecules.symbols, dataset.molecules.elements, strict=True))


def _share(grid: Any, label: str, usual: float, key: str, note: str = "") -> float | str | None:
    """A share or a number of molecules; None for the usual, the text itself if it is no number."""
    text = (
        grid.cell()
        .text_input(
            label, placeholder=f"{usual:g}", key=key, max_chars=20, help=f"A share up to 1, or molecules above 1.{note}"
        )
        .strip()
        .replace(",", "")
    )
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return text


def _together(dataset: Dataset) -> bool:
    return st.toggle(
        "Keep equal molecules together",
        value=True,
        key=_key(dataset, "together"),
        help="Molecules with the same atoms and distances, under two ids, go into one part: nothing is tested that was "
        "trained.",
    )


def _where(dataset: Dataset) -> list[str]:
    text = st.text_input(
        "Only some molecules",
        placeholder="all, or e.g. sound=1 size=10-25",
        key=_key(dataset, "where"),
        max_chars=500,
        help="Filters as on the command line, with blanks between them; the others are in no part. sound=1 leaves out "
        "molecules with a known defect.",
    )
    return text.split()


def _preview(dataset: Dataset, method: str, seed: int, given: dict[str, Any]) -> Split | MollensError:
    try:
        if given["together"] == "identity" and read_identities(dataset) is None:
            with st.spinner("Comparing the geometries of all molecules, once"):
                return _cached(dataset, method, seed, given)
        return _cached(dataset, method, seed, given)
    except MollensError as error:
        return error


def _cached(dataset: Dataset, method: str, seed: int, given: dict[str, Any]) -> Split:
    return _made(str(home()), dataset.name, dataset.card.sha256, method, seed, json.dumps(given))


@st.cache_resource(max_entries=32, show_spinner=False)
def _made(folder: str, name: str, sha256: str, method: str, seed: int, given: str) -> Split:
    return preview(load_dataset(name), method, seed, json.loads(given))


def _save(dataset: Dataset, method: str, seed: int, given: dict[str, Any], refused: bool) -> None:
    name = st.text_input(
        "Name", placeholder=_suggested(method, seed, given), key=_key(dataset, "name"), max_chars=64
    ).strip()
    name = name or _suggested(method, seed, given)
    folds = method == "k_fold"
    label = f"Save {given['k']} splits" if folds and not refused else "Save the split"
    key = _key(dataset, "save")
    if st.button(label, type="primary", icon=":material/save:", width="stretch", disabled=refused, key=key):
        wanted = {key: value for key, value in given.items() if key != "fold"} if folds else given
        try:
            if folds:
                made = list(make_folds(dataset, name, seed=seed, **wanted))
            else:
                made = [make_split(dataset, name, method, seed, **wanted)]
        except MollensError as error:
            st.error(plain(error), icon=":material/error:")
        else:
            last = f" to {plain(made[-1].name)}" if folds else ""
            st.session_state[_SAVED] = f"**Saved** as {plain(made[0].name)}{last}."
            rest = {key: value for key, value in st.query_params.to_dict().items() if key != "new"}
            st.query_params.from_dict({**rest, "split": made[0].name})  # one step for the browser's Back
            st.rerun()
    if refused:
        return
    shown = {key: value for key, value in given.items() if not (folds and key == "fold")}
    st.code(command(dataset.name, name, method, seed, shown), language="bash", wrap_lines=True)


def _suggested(method: str, seed: int, given: dict[str, Any]) -> str:
    """A name that says how the split was made."""
    sizes = re.sub("[^0-9-]+", "_", given.get("sizes") or "sizes")
    base = {
        "leave_out_sizes": f"without-{sizes}",
        "leave_out_element": f"without-{given.get('element')}",
        "k_fold": "folds",
    }.get(method, method)[:50]
    return f"{base}-seed{seed}" if seed else base
