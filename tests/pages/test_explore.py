import json

import numpy as np
import pytest

from core.data.store import Dataset, dataset_folder
from tests.conftest import save_some
from tests.fake_runs import fake_dataset, fake_molecules
from tests.pages.reading import facts, figures, open_page, words


@pytest.fixture
def small() -> Dataset:
    """Water, methane, hydrogen fluoride and methanol: 3, 5, 2 and 6 atoms."""
    numbers = [[8, 1, 1], [6, 1, 1, 1, 1], [9, 1], [6, 8, 1, 1, 1, 1]]
    return fake_dataset("small", fake_molecules(numbers, np.array([-76.4, -40.5, -100.4, np.nan])))


def test_the_dataset_page_counts_what_is_there(small: Dataset) -> None:
    app = open_page("explore/dataset.py", dataset="small")
    assert [title.value for title in app.title] == ["Small"]
    found = facts(app)
    assert (found["Molecules"], found["Atoms"], found["Elements"]) == ("4", "16", "H C O F")
    assert (found["Mean size"], found["Level of theory"]) == ("4.0 atoms", "GFN2-xTB")
    assert "**75 % of the molecules have 3, 5 and 6 atoms.**" in words(app) or "No size is rarer than 1 %." in words(
        app
    )
    assert {"fig_sizes", "fig_elements", "fig_cells"} <= set(figures(app))
    assert "python -m core describe small --json" in words(app)
    properties = app.dataframe[0].value
    assert list(properties["Property"]) == ["Total energy", "HOMO-LUMO gap"]
    assert list(properties["Missing"]) == [1, 0]


def test_the_embedded_dataset_is_shown_first_and_with_its_licence(demo: Dataset) -> None:
    app = open_page("explore/dataset.py")
    assert facts(app)["Molecules"] == f"{demo.card.n_molecules:,}"
    assert facts(app)["Licence"] == demo.card.license
    assert app.query_params["dataset"] in ("demo", ["demo"])


def test_an_unknown_dataset_in_the_address_is_told_and_another_shown() -> None:
    app = open_page("explore/dataset.py", dataset="no_such")
    assert "There is no dataset no" in app.warning[0].value
    assert len(app.title) == 1


def test_a_damaged_dataset_is_a_sentence_with_a_way_on(small: Dataset) -> None:
    card = dataset_folder("small") / "card.json"
    card.write_text("{ not json")
    app = open_page("explore/dataset.py", dataset="small")
    assert "damaged" in app.error[0].value and "Traceback" not in words(app)
    assert len(app.get("page_link")) == 1


def test_a_dataset_whose_text_is_markup_is_shown_as_text(small: Dataset) -> None:
    path = dataset_folder("small") / "card.json"
    card = json.loads(path.read_text())
    path.write_text(json.dumps(card | {"title": "<b>T</b> :red[x]", "level_of_theory": "<script>alert(1)</script>"}))
    app = open_page("explore/dataset.py", dataset="small")
    assert app.title[0].value == r"\<b\>T\</b\> \:red\[x\]"
    assert "<script>" not in "".join(element.proto.body for element in app.get("html"))
    assert facts(app)["Level of theory"] == "alert(1)" or "&lt;script&gt;" in "".join(
        element.proto.body for element in app.get("html")
    )


def test_molecules_are_filtered_by_the_address(small: Dataset) -> None:
    app = open_page("explore/molecules.py", dataset="small", element="O")
    assert app.dataframe[0].value["formula"].tolist() == ["H2O", "CH4O"]
    assert "2 molecules" in words(app)
    app = open_page("explore/molecules.py", dataset="small", element="O", size="6")
    assert app.dataframe[0].value["id"].tolist() == [1004]
    app = open_page("explore/molecules.py", dataset="small", size="3-5")
    assert app.dataframe[0].value["atoms"].tolist() == [3, 5]


def test_a_filter_without_molecules_says_so(small: Dataset) -> None:
    app = open_page("explore/molecules.py", dataset="small", element="F", size="6")
    assert "No molecule of small has F, 6 atoms." in words(app)
    assert len(app.dataframe) == 0


def test_the_molecule_of_the_address_is_shown_with_its_properties(small: Dataset) -> None:
    app = open_page("explore/molecules.py", dataset="small", molecule="1002")
    assert "CH₄ · id 1002" in words(app)
    assert "molecule_3d" in figures(app)
    assert facts(app) == {"Total energy": "−40.5000 eV", "HOMO-LUMO gap": "5.0200 eV"}
    app = open_page("explore/molecules.py", dataset="small", molecule="1004")
    assert facts(app)["Total energy"] == "—"


@pytest.mark.parametrize("molecule", ["9999", "x", "99999999999999999999999"])
def test_an_unknown_molecule_is_told(small: Dataset, molecule: str) -> None:
    app = open_page("explore/molecules.py", dataset="small", molecule=molecule)
    assert f"There is no molecule {molecule}" in app.warning[0].value


def test_the_choice_of_a_dataset_stays_over_pages(demo: Dataset) -> None:
    save_some(demo, "tiny", 40)
    app = open_page("explore/dataset.py", dataset="tiny")
    app.switch_page("pages/explore/molecules.py").run()
    assert len(app.dataframe[0].value) == 40
    app.sidebar.selectbox[0].select("demo").run()
    app.switch_page("pages/explore/dataset.py").run()
    assert facts(app)["Molecules"] == f"{demo.card.n_molecules:,}"
