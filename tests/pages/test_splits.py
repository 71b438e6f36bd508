"""The Splits page: the list, one split, a new one seen before it is saved, and what goes wrong."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.data.identity import open_identities
from core.data.molecules import SYMBOLS
from core.data.split_making import make_split, preview
from core.data.split_methods import METHODS
from core.data.splits import list_splits, open_split
from core.data.store import Dataset, delete_dataset, open_dataset
from tests.pages.reading import facts, figures, open_page, words

PAGE = "explore/splits.py"


def button(app: AppTest, label: str) -> Any:
    """The button with this label."""
    return next(each for each in app.button if each.label == label)


def form(method: str = "random") -> AppTest:
    """The page with the form of a new split of `tiny`."""
    return open_page(PAGE, dataset="tiny", new=method)


def refusal(app: AppTest) -> str:
    return "\n".join(error.value for error in app.error).replace("\\", "")


def test_the_default_split_is_shown_with_its_parts(tiny: Dataset) -> None:
    app = open_page(PAGE, dataset="tiny")
    found = facts(app)
    assert (found["Training"], found["Validation"], found["Test"]) == ("96 80 %", "12 10 %", "12 10 %")
    assert {"fig_split_sizes", "fig_split_division", "fig_split_elements", "splits"} <= set(figures(app))
    text = words(app)
    assert open_split(tiny).hash[:12] in text and "geometries have not been compared" in text
    assert "python -m core splits tiny --json" in text
    open_identities(tiny)
    assert "No molecule is in two parts" in words(app.run())


def test_the_address_names_the_split(tiny: Dataset) -> None:
    made = make_split(tiny, "big", "leave_out_sizes", sizes="20-29")
    app = open_page(PAGE, dataset="tiny", split="big")
    assert facts(app)["Test"].startswith(f"{len(made.test)} ")
    assert "**Tested but never trained: 20 to" in words(app) and "20-29 atoms left out" in words(app)
    (link,) = [e.proto for e in app.get("page_link") if "Train on this split" in e.proto.label]
    assert "split=big" in link.query_string and "dataset=tiny" in link.query_string


def test_a_split_that_is_gone_is_told(tiny: Dataset) -> None:
    app = open_page(PAGE, dataset="tiny", split="gone<script>")
    assert "There is no split gone" in app.warning[0].value and "<script>" not in app.warning[0].value
    assert facts(app)["Training"] == "96 80 %"


def test_a_damaged_split_is_a_sentence_and_the_others_stay(tiny: Dataset) -> None:
    make_split(tiny, "one")
    (tiny.folder / "splits" / "one.json").write_text("[1, 2")
    app = open_page(PAGE, dataset="tiny", split="one")
    assert "**Damaged.**" in words(app) and figures(app) == ["splits"]
    assert "fig_split_sizes" in figures(open_page(PAGE, dataset="tiny"))


@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_is_previewed_and_nothing_saved(tiny: Dataset, method: str) -> None:
    app = form(method)
    assert not app.error
    rarest = min(tiny.molecules.elements, key=lambda z: tiny.molecules.contains(z).sum())
    given = {"leave_out_element": {"element": SYMBOLS[rarest]}, "k_fold": {"k": 5}}.get(method, {})
    if method == "leave_out_sizes":
        given = {"sizes": app.text_input(key="split_sizes_tiny").value}
    seen = preview(tiny, method, 0, given)
    assert facts(app)["Training"].split()[0] == str(len(seen.train))
    assert "fig_split_sizes" in figures(app) and "nothing is saved yet" in words(app)
    assert f"--method {method}" in words(app)
    assert list_splits(tiny) == ["default"]


def test_a_new_split_follows_the_form_and_is_saved_as_seen(tiny: Dataset) -> None:
    app = form("leave_out_sizes")
    largest = app.text_input(key="split_sizes_tiny").value  # the figures are there before anything was typed
    assert not app.error and f"--sizes {largest}" in words(app)
    app.text_input(key="split_sizes_tiny").input("").run()
    assert "sizes is missing" in refusal(app) and button(app, "Save the split").disabled
    assert "python -m core split tiny" not in words(app)
    app.text_input(key="split_sizes_tiny").input("20-29").run()
    app.number_input(key="split_seed_tiny").set_value(4).run()
    app.text_input(key="split_name_tiny").input("big").run()
    assert not app.error
    command = "python -m core split tiny --name big --method leave_out_sizes --seed 4 --sizes 20-29"
    assert command in words(app)
    seen = facts(app)
    button(app, "Save the split").click().run()
    assert not app.exception
    assert list_splits(tiny) == ["default", "big"]
    assert open_split(tiny, "big").hash == preview(tiny, "leave_out_sizes", 4, {"sizes": "20-29"}).hash
    assert "**Saved** as big." in words(app) and facts(app) == seen
    assert app.query_params["split"] in ("big", ["big"]) and "new" not in app.query_params
    assert "**Saved**" not in words(app.run())


def test_all_folds_are_saved(tiny: Dataset) -> None:
    app = form("k_fold")
    app.number_input(key="split_k_tiny").set_value(3).run()
    button(app, "Save 3 splits").click().run()
    assert list_splits(tiny) == ["default", "folds-1of3", "folds-2of3", "folds-3of3"]
    assert "folds-1of3 to folds-3of3" in words(app)


def test_a_selection_is_divided(tiny: Dataset) -> None:
    app = form()
    app.text_input(key="split_where_tiny").input("size=15-19 element=O").run()
    n = preview(tiny, parameters={"where": ["size=15-19", "element=O"]})
    assert facts(app)["Training"].split()[0] == str(len(n.train)) and "In no part" in facts(app)
    assert "--where size=15-19 --where element=O" in words(app)


@pytest.mark.parametrize(
    ("method", "key", "text", "message"),
    [
        ("random", "train", "0.95", "do not fit"),
        ("random", "train", "lots", "train is 'lots'"),
        ("random", "validation_all", "nan", "validation is nan"),
        ("leave_out_sizes", "sizes", "1-99", "nothing would be left to train on"),
        ("leave_out_sizes", "sizes", "1-2", "the test part would be empty"),
        ("random", "where", "size=99", "no molecule is left"),
        ("random", "where", "<b>=1", "filter"),
        ("random", "where", "sound=1", "has not been searched for defects yet"),
    ],
)
def test_what_cannot_be_divided_is_told_and_cannot_be_saved(
    tiny: Dataset, method: str, key: str, text: str, message: str
) -> None:
    app = form(method)
    app.text_input(key=f"split_{key}_tiny").input(text).run()
    assert not app.exception and message in refusal(app)
    assert button(app, "Save the split").disabled
    assert "fig_split_sizes" not in figures(app)


def test_a_fold_count_without_end_is_told(tiny: Dataset) -> None:
    app = form("k_fold")
    app.number_input(key="split_k_tiny").set_value(10_000).run()
    assert "k is 10,000; 120 molecules can be divided into 2 to 20 folds" in refusal(app)


@pytest.mark.parametrize(
    ("name", "message"), [("taken", "already has it"), ("../x", "not allowed"), ("default", "belongs")]
)
def test_a_name_that_cannot_be_is_told(tiny: Dataset, name: str, message: str) -> None:
    make_split(tiny, "taken")
    app = form()
    app.text_input(key="split_name_tiny").input(name).run()
    button(app, "Save the split").click().run()
    assert not app.exception and message in refusal(app)
    assert list_splits(tiny) == ["default", "taken"]


def test_an_unknown_method_in_the_address_is_told(tiny: Dataset) -> None:
    app = form("sorted")
    assert "There is no method sorted" in app.warning[0].value
    assert facts(app)["Training"] == "96 80 %"


def test_a_dataset_that_is_deleted_meanwhile_is_told_and_stays_deleted(tiny: Dataset) -> None:
    app = form()
    delete_dataset("tiny")
    button(app, "Save the split").click().run()
    assert not app.exception
    assert not tiny.folder.exists()
    assert "There is no dataset tiny" in words(app)
    assert list_splits(open_dataset("demo")) == ["default"]  # the click was not meant for what is shown now


def test_training_on_a_split_begins_with_it_chosen(tiny: Dataset) -> None:
    make_split(tiny, "big", "leave_out_sizes", sizes="20-29")
    app = open_page("train/new_run.py", dataset="tiny", split="big")
    (chosen,) = [box for box in app.selectbox if box.label.startswith("Split")]
    assert chosen.value == "big" and "--split big" in words(app)
    chosen.set_value("default").run()
    assert "--split" not in words(app)
    assert "There is no split gone" in open_page("train/new_run.py", dataset="tiny", split="gone").warning[0].value
