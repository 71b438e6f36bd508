import json
from pathlib import Path

import numpy as np
import pytest

from core.data.defects import find_defects
from core.data.split_making import make_split
from core.data.store import Dataset, dataset_folder
from tests.conftest import save_some
from tests.fake_runs import fake_dataset, fake_molecules
from tests.pages.reading import column, facts, figures, open_page, words

PAGE = "explore/dataset.py"


@pytest.fixture
def small() -> Dataset:
    """Ids 1001 to 1004: water, methane, hydrogen fluoride, methanol without an energy; 3, 5, 2 and 6 atoms."""
    numbers = [[8, 1, 1], [6, 1, 1, 1, 1], [9, 1], [6, 8, 1, 1, 1, 1]]
    return fake_dataset("small", fake_molecules(numbers, np.array([-76.4, -40.5, -100.4, np.nan])))


def charts(app) -> set[str]:  # type: ignore[no-untyped-def]
    """Names of the charts without what they add for a filter."""
    return {"_".join(key.split("_")[:2]) for key in figures(app)}


def test_the_page_counts_what_is_there(small: Dataset) -> None:
    app = open_page(PAGE, dataset="small")
    assert [title.value for title in app.title] == ["Small"]
    found = facts(app)
    assert (found["Molecules"], found["Atoms"], found["Elements"]) == ("4", "16", "H C O F")
    assert (found["Mean size"], found["Level of theory"]) == ("4.0 atoms", "GFN2-xTB")
    assert "No size is rarer than 1 %." in words(app)
    assert {"fig_sizes", "fig_elements", "fig_cells"} <= charts(app)
    assert "python -m core describe small --json" in words(app)
    assert column(app, "formula") == ["H₂O", "CH₄", "FH", "CH₄O"]


def test_the_embedded_dataset_is_shown_first_and_with_its_licence(demo: Dataset) -> None:
    app = open_page(PAGE)
    assert facts(app)["Molecules"] == f"{demo.card.n_molecules:,}"
    assert facts(app)["Licence"] == demo.card.license
    assert app.query_params["dataset"] in ("demo", ["demo"])


@pytest.mark.parametrize("view", ["composition", "properties", "balance", "about"])
def test_every_view_stands_on_demo_with_and_without_filters(demo: Dataset, view: str) -> None:
    assert open_page(PAGE, view=view).error == []
    app = open_page(PAGE, view=view, size="15-18", element="F", range="gap:2:", without="N")
    assert not app.error and not app.warning
    n = int(
        (
            (demo.molecules.sizes >= 15)
            & (demo.molecules.sizes <= 18)
            & demo.molecules.contains(9)
            & ~demo.molecules.contains(7)
            & (demo.molecules.columns["gap"] >= 2)
        ).sum()
    )
    assert facts(app)["Molecules"] == f"{n:,} of {demo.card.n_molecules:,}"


def test_the_facts_are_those_of_the_selection(small: Dataset) -> None:
    found = facts(open_page(PAGE, dataset="small", element="O", without="C"))
    assert (found["Molecules"], found["Atoms"], found["Elements"]) == ("1 of 4", "3", "H O")


def test_a_dataset_that_is_gone_takes_its_filters_along(small: Dataset) -> None:
    app = open_page(PAGE, dataset="gone", size="3", molecule="1001")
    assert "There is no dataset gone" in app.warning[0].value
    assert "size" not in app.query_params and "molecule" not in app.query_params


def test_filters_stand_as_chips_that_can_be_taken_away(small: Dataset) -> None:
    app = open_page(PAGE, dataset="small", element="O,C", size="3-6")
    labels = [b.label for b in app.button if (b.key or "").startswith("chip_")]
    assert labels == ["3 to 6 atoms", "with O", "with C"]
    assert facts(app)["Molecules"] == "1 of 4"
    next(b for b in app.button if b.label == "with C").click().run()
    assert facts(app)["Molecules"] == "2 of 4"
    assert app.query_params["element"] in ("O", ["O"])
    next(b for b in app.button if b.key == "chips_clear").click().run()
    assert facts(app)["Molecules"] == "4" and "size" not in app.query_params


def test_filters_stay_with_the_reader_on_the_way_to_another_page_and_back(small: Dataset) -> None:
    app = open_page(PAGE, dataset="small", element="O")
    app.switch_page("pages/train/runs.py").run()
    app.switch_page("pages/explore/dataset.py").run()
    assert facts(app)["Molecules"] == "2 of 4"
    assert app.query_params["element"] in ("O", ["O"])


def test_a_filter_that_cannot_be_understood_is_told_and_the_others_hold(small: Dataset) -> None:
    app = open_page(PAGE, dataset="small", element="Xx", size="3", range="no_such:1:2")
    assert facts(app)["Molecules"] == "1 of 4"
    said = " ".join(w.value for w in app.warning)
    assert "is not known" in said and "has no property" in said
    assert "element" not in app.query_params


def test_a_filter_that_the_dataset_cannot_answer_is_told(small: Dataset) -> None:
    app = open_page(PAGE, dataset="small", sound="1", size="3")
    assert "not been searched for defects" in app.warning[0].value
    assert facts(app)["Molecules"] == "1 of 4"


@pytest.mark.parametrize("view", ["composition", "properties", "balance", "about"])
def test_a_selection_of_nothing_is_no_fault(small: Dataset, view: str) -> None:
    app = open_page(PAGE, dataset="small", view=view, element="F", size="6")
    assert not app.error
    assert facts(app)["Molecules"] == "0 of 4"


def test_the_form_takes_filters_and_says_what_is_wrong_with_them(small: Dataset) -> None:
    app = open_page(PAGE, dataset="small")
    fields = {t.label: t for t in app.text_input}
    fields["Atoms"].input("3-5")
    fields["Formula"].input("CH4")
    next(b for b in app.button if b.label == "Apply").click().run()
    assert facts(app)["Molecules"] == "1 of 4"
    assert app.query_params["size"] in ("3-5", ["3-5"])
    next(t for t in app.text_input if t.label == "Atoms").input("many")
    next(b for b in app.button if b.label == "Apply").click().run()
    assert "expected a number such as 17" in app.error[0].value
    assert facts(app)["Molecules"] == "1 of 4"


def test_a_property_is_shown_by_its_key_in_the_address(small: Dataset) -> None:
    app = open_page(PAGE, dataset="small", view="properties", property="gap", by="element")
    assert "fig_groups" in charts(app)
    app = open_page(PAGE, dataset="small", view="properties", property="gap")
    assert any(key.startswith("fig_distribution_gap") for key in figures(app))


@pytest.mark.parametrize("by", ["element", "size_class", "part"])
def test_two_properties_are_split_by_their_medians(demo: Dataset, by: str) -> None:
    app = open_page(PAGE, view="properties", x="homo", y="gap", medians=by, by=by)
    assert not app.error
    written = next(json.loads(c.proto.spec) for c in app.get("plotly_chart") if str(c.key).startswith("fig_density"))
    notes = " ".join(str(note.get("text")) for note in written["layout"]["annotations"])
    assert {"element": "N", "size_class": "atoms", "part": "validation"}[by] in notes


def test_balance_and_drift_name_the_split(small: Dataset) -> None:
    make_split(small, "halves", seed=1, train=0.5, validation=0.25)
    app = open_page(PAGE, dataset="small", view="balance", drift_of="halves")
    assert {"fig_cap", "fig_drift"} <= charts(app)
    assert next(s for s in app.selectbox if s.label == "Split").value == "halves"
    assert facts(app)["Sizes"] == "4"


def test_about_tells_properties_citation_and_defects(small: Dataset) -> None:
    app = open_page(PAGE, dataset="small", view="about")
    assert list(app.dataframe[0].value["Property"]) == ["Total energy", "HOMO-LUMO gap"]
    assert list(app.dataframe[0].value["Missing"]) == [1, 0]
    assert any(b.label == "Make the index" for b in app.button)
    found = find_defects(small)
    app = open_page(PAGE, dataset="small", view="about")
    table = app.dataframe[1].value
    assert dict(zip(table["Defect"], table["Molecules"], strict=True))["No value of the target"] == 1
    switch = next(t for t in app.toggle if t.label.startswith("Leave these"))
    assert str(int(found.any.sum())) in switch.label
    switch.set_value(True).run()
    assert app.query_params["sound"] in ("1", ["1"])
    assert facts(app)["Molecules"] == f"{4 - int(found.any.sum())} of 4"


def test_the_export_of_a_selection_is_made_and_its_command_shown(small: Dataset) -> None:
    app = open_page(PAGE, dataset="small", element="O")
    assert "python -m core export-dataset small --to small.extxyz --where element=O" in words(app)
    next(b for b in app.button if b.key == "export_make").click().run()
    assert not app.error and len(app.get("download_button")) > 0
    made = list((Path(dataset_folder("small")).parent.parent / "exports").glob("small-*.extxyz"))
    assert len(made) == 1 and made[0].read_text().startswith("3\n")


def test_an_unknown_dataset_in_the_address_is_told_and_another_shown() -> None:
    app = open_page(PAGE, dataset="no_such")
    assert "There is no dataset no" in app.warning[0].value
    assert len(app.title) == 1


def test_a_damaged_dataset_is_a_sentence_with_a_way_on(small: Dataset) -> None:
    card = dataset_folder("small") / "card.json"
    card.write_text("{ not json")
    app = open_page(PAGE, dataset="small")
    assert "damaged" in app.error[0].value and "Traceback" not in words(app)
    assert len(app.get("page_link")) == 1


def test_a_dataset_whose_text_is_markup_is_shown_as_text(small: Dataset) -> None:
    path = dataset_folder("small") / "card.json"
    card = json.loads(path.read_text())
    path.write_text(json.dumps(card | {"title": "<b>T</b> :red[x]", "level_of_theory": "<script>alert(1)</script>"}))
    app = open_page(PAGE, dataset="small")
    assert app.title[0].value == r"\<b\>T\</b\> \:red\[x\]"
    written = "".join(element.proto.body for element in app.get("html"))
    assert "<script>" not in written and "&lt;script&gt;" in written


def test_the_choice_of_a_dataset_stays_over_pages(demo: Dataset) -> None:
    save_some(demo, "tiny", 40)
    app = open_page(PAGE, dataset="tiny")
    app.switch_page("pages/explore/molecules.py").run()
    assert "40" in words(app)
    app.sidebar.selectbox[0].select("demo").run()
    app.switch_page("pages/explore/dataset.py").run()
    assert facts(app)["Molecules"] == f"{demo.card.n_molecules:,}"
