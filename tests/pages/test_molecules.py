"""The page Molecules: which molecules it lists, in which order, and what it says of the chosen one."""

from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data.card import Card, CardProperty
from core.data.molecules import Molecules
from core.data.search import make_index
from core.data.store import Dataset, dataset_folder, delete_dataset, save_dataset
from core.tasks import list_tasks
from tests.conftest import save_some
from tests.fake_runs import fake_dataset, fake_molecules
from tests.pages.reading import column, component, facts, figures, open_page, table, words

PAGE = "explore/molecules.py"


@pytest.fixture
def small() -> Dataset:
    """Water, methane, hydrogen fluoride and methanol: 3, 5, 2 and 6 atoms; SMILES C, CC, CCC and CCCC."""
    numbers = [[8, 1, 1], [6, 1, 1, 1, 1], [9, 1], [6, 8, 1, 1, 1, 1]]
    return fake_dataset("small", fake_molecules(numbers, np.array([-76.4, -40.5, -100.4, np.nan])))


def ids(app: AppTest) -> list[str]:
    return [row[0] for row in table(app)["rows"]]


def test_molecules_are_filtered_by_the_address(small: Dataset) -> None:
    app = open_page(PAGE, dataset="small", element="O")
    assert column(app, "formula") == ["H₂O", "CH₄O"]
    assert "2 molecules" in words(app)
    assert ids(open_page(PAGE, dataset="small", element="O", size="6")) == ["1004"]
    assert column(open_page(PAGE, dataset="small", size="3-5"), "atoms") == ["3", "5"]


def test_a_substructure_is_shown_as_it_was_understood(small: Dataset) -> None:
    app = open_page(PAGE, dataset="small", substructure="CCC")
    assert ids(app) == ["1003", "1004"]
    assert "**CCC** was read as SMILES" in words(app) and "no SMILES" not in words(app)
    app = open_page(PAGE, dataset="small", substructure="[CX4H3]")
    assert ids(app) == ["1002", "1003", "1004"] and "was read as SMARTS" in words(app)
    app = open_page(PAGE, dataset="small", substructure="C1CC")
    assert "neither SMILES nor SMARTS" in app.warning[0].value and len(ids(app)) == 4


def test_a_filter_without_molecules_says_so(small: Dataset) -> None:
    app = open_page(PAGE, dataset="small", element="F", size="6")
    assert "No molecule of small passes these filters." in words(app)
    assert not [key for key in figures(app) if key.startswith(("molecule", "table"))]


def test_values_stand_with_units_and_missing_ones_are_told(small: Dataset) -> None:
    app = open_page(PAGE, dataset="small", molecule="1002")
    assert "CH₄ · id 1002" in words(app) and "2 of 4 in the list" in words(app)
    assert facts(app) == {"Total energy · default target": "−40.5000 eV", "HOMO-LUMO gap": "5.0200 eV"}
    assert column(app, "energy") == ["−76.4000", "−40.5000", "−100.4000", None]
    assert [c["unit"] for c in table(app)["columns"] if c["key"] == "gap"] == ["eV"]
    assert table(app)["selected"] == "1002"
    app = open_page(PAGE, dataset="small", molecule="1004")
    assert facts(app)["Total energy · default target"] == "no value"


def test_the_view_gets_the_coordinates_as_they_are_stored(demo: Dataset) -> None:
    row = 7000
    app = open_page(PAGE, dataset="demo", molecule=str(demo.molecules.ids[row]))
    drawn = component(app, "mollens_molecule")["molecule"]
    at = demo.molecules.positions[demo.molecules.atoms(row)]
    assert drawn["stored"] == at.tolist()
    turned = np.array(drawn["positions"])
    between = np.linalg.norm(turned[:, None] - turned[None], axis=2)
    np.testing.assert_allclose(between, np.linalg.norm(at[:, None] - at[None], axis=2), atol=1e-12)
    charges = demo.molecules.atom_columns["partial_charges"][demo.molecules.atoms(row)]
    assert drawn["columns"][0]["values"] == charges.tolist()
    assert drawn["picture"].startswith("data:image/svg+xml;base64,")


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("energy", ["1003", "1001", "1002", "1004"]),
        ("-energy", ["1002", "1001", "1003", "1004"]),
        ("atoms", ["1003", "1001", "1002", "1004"]),
        ("-id", ["1004", "1003", "1002", "1001"]),
    ],
)
def test_the_order_of_the_address_is_that_of_all_molecules(small: Dataset, sort: str, order: list[str]) -> None:
    app = open_page(PAGE, dataset="small", sort=sort)
    assert ids(app) == order
    assert (table(app)["sort"], table(app)["descending"]) == (sort.removeprefix("-"), sort.startswith("-"))
    assert table(app)["selected"] == order[0]


def test_pages_of_a_hundred_and_the_page_of_a_molecule(demo: Dataset) -> None:
    every = [str(i) for i in demo.molecules.ids]
    assert ids(open_page(PAGE, dataset="demo")) == every[:100]
    assert ids(open_page(PAGE, dataset="demo", page="3")) == every[200:300]
    app = open_page(PAGE, dataset="demo", molecule=every[250])
    assert ids(app) == every[200:300] and table(app)["selected"] == every[250]
    for page in ("130", "999999", "9" * 8):
        app = open_page(PAGE, dataset="demo", page=page)
        assert ids(app) == every[12_900:]
    for page in ("0", "x", "-1", "9" * 40, "²"):
        assert ids(open_page(PAGE, dataset="demo", page=page)) == every[:100], page


def test_an_unknown_column_is_told(small: Dataset) -> None:
    app = open_page(PAGE, dataset="small", sort="-mass")
    assert "has no column mass to sort by" in app.warning[0].value
    assert ids(app) == ["1001", "1002", "1003", "1004"] and "sort" not in app.query_params


@pytest.mark.parametrize("molecule", ["9999", "x", "99999999999999999999999"])
def test_an_unknown_molecule_is_told(small: Dataset, molecule: str) -> None:
    app = open_page(PAGE, dataset="small", molecule=molecule)
    assert f"There is no molecule {molecule}" in app.warning[0].value
    assert table(app)["selected"] == "1001"


def test_a_molecule_that_is_not_selected_is_shown_all_the_same(small: Dataset) -> None:
    app = open_page(PAGE, dataset="small", molecule="1003", element="O")
    assert ids(app) == ["1001", "1004"]
    assert "FH · id 1003" in words(app) and "not among the molecules of the list" in words(app)
    assert app.button(key="step_N").disabled and app.button(key="step_P").disabled


def test_buttons_lead_along_the_list(small: Dataset) -> None:
    app = open_page(PAGE, dataset="small", sort="energy")
    assert app.button(key="step_P").disabled
    app.button(key="step_N").click().run()
    assert "H₂O · id 1001" in words(app) and app.query_params["molecule"] in ("1001", ["1001"])
    app.button(key="step_P").click().run()
    assert "FH · id 1003" in words(app)


def test_nearest_molecules_need_the_index_and_then_are_shown(tiny: Dataset) -> None:
    app = open_page(PAGE, dataset="tiny")
    assert "needs an index" in words(app) and "nearest" not in figures(app)
    assert not list_tasks()
    make_index(tiny)
    app = open_page(PAGE, dataset="tiny", molecule=str(tiny.molecules.ids[50]))
    items = component(app, "mollens_gallery")["items"]
    assert len(items) == 8 and str(tiny.molecules.ids[50]) not in [item["id"] for item in items]
    assert [item["title"] for item in items] == sorted((item["title"] for item in items), reverse=True)
    assert all(item["picture"].startswith("data:image/svg") and item["molecule"] is None for item in items)
    assert all(item["lines"][1].endswith(" eV") for item in items)


def test_molecules_without_a_readable_structure_are_told() -> None:
    base = fake_molecules([[8, 1, 1], [6, 1, 1, 1, 1], [9, 1]])
    smiles = np.array([b"O", b"", b"<b>no"])
    molecules = Molecules(
        base.numbers, base.positions, base.first_atom, base.ids, dict(base.columns), smiles=smiles
    )  # fmt: skip
    listed = (CardProperty(key="energy", label="Total energy", unit="eV"),)
    dataset = save_dataset(molecules, Card(name="odd", title="Odd", properties=listed, n_molecules=1, n_atoms=1))
    make_index(dataset)
    app = open_page(PAGE, dataset="odd", molecule="1002")
    assert "gives no SMILES" in words(app) and "has no SMILES that can be read" in words(app)
    app = open_page(PAGE, dataset="odd", molecule="1003")
    assert "This SMILES cannot be read" in words(app) and "<b>no" in [code.value for code in app.code]
    assert "1 of 3 molecules have no SMILES; 1 of 3 have one that cannot be read" in words(
        open_page(PAGE, dataset="odd", molecule="1001")
    )


def test_properties_with_a_shape_are_written_out() -> None:
    base = fake_molecules([[8, 1, 1], [6, 1, 1, 1, 1]])
    columns = {"dipole": np.array([[1.0, -0.5, np.nan], [np.nan] * 3]), "matrix": np.ones((2, 4, 4))}
    molecules = Molecules(base.numbers, base.positions, base.first_atom, base.ids, columns)
    listed = tuple(CardProperty(key=key, label=key.capitalize(), unit="D") for key in columns)
    save_dataset(molecules, Card(name="shaped", title="Shaped", properties=listed, n_molecules=1, n_atoms=1))
    app = open_page(PAGE, dataset="shaped", molecule="1001")
    assert facts(app) == {"Dipole": "1.0000, −0.5000, no value D", "Matrix": "16 numbers D"}
    assert facts(open_page(PAGE, dataset="shaped", molecule="1002"))["Dipole"] == "no value"
    assert "has no SMILES, so its molecules cannot be compared" in words(app)


def test_a_dataset_deleted_while_the_page_shows_it_is_a_sentence(small: Dataset) -> None:
    app = open_page(PAGE, dataset="small", molecule="1002")
    delete_dataset("small")
    app.run()
    assert not app.exception and "There is no dataset small" in app.warning[0].value
    assert not dataset_folder("small").exists()


def test_the_choice_of_a_dataset_stays_over_pages(demo: Dataset) -> None:
    save_some(demo, "tiny", 40)
    app = open_page("explore/dataset.py", dataset="tiny")
    app.switch_page(f"pages/{PAGE}").run()
    assert len(ids(app)) == 40
    app.sidebar.selectbox[0].select("demo").run()
    app.switch_page("pages/explore/dataset.py").run()
    assert facts(app)["Molecules"] == f"{demo.card.n_molecules:,}"
