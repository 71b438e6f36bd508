"""Molecules are really drawn, can be measured, sorted and followed, and where they cannot be drawn the page says so."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.data.search import make_index, nearest_rows
from core.data.store import Dataset, open_dataset
from core.data.table import sorted_rows
from tests.browser.conftest import Visitor, wait_for

MEASURED = ".molecule .measured"


@pytest.fixture
def small(small_home: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """The dataset that the app shows."""
    monkeypatch.setenv("MOLLENS_HOME", str(small_home))
    return open_dataset("small")


def shown(visitor: Visitor, address: str, molecule: int | None = None) -> Any:
    """The view of a molecule once it is drawn."""
    visitor.goes_to(address)
    key = "" if molecule is None else f'[data-molecule="{molecule}"]'
    view = visitor.page.locator(f'.molecule .view[data-ready="1"]{key}')
    wait_for("the drawn molecule", view.count)
    return view


def places_on_screen(visitor: Visitor) -> list[tuple[float, float]]:
    """Where each atom of the shown molecule is on the screen."""
    script = """host => {
        const viewer = window.__mollens_viewers.get(host);
        return viewer.getModel().selectedAtoms({}).map(a => viewer.modelToScreen(a)).map(p => [p.x, p.y]);
    }"""
    visitor.page.locator(".molecule .view").scroll_into_view_if_needed()
    found = visitor.page.locator(".molecule .view").evaluate(script)
    scrolled = visitor.page.evaluate("[window.scrollX, window.scrollY]")
    return [(x - scrolled[0], y - scrolled[1]) for x, y in found]


def click_atoms(visitor: Visitor, atoms: list[int]) -> None:
    """Click atoms one after the other, after those that are picked already; each click must be taken."""
    begun = int(visitor.page.locator(MEASURED).get_attribute("data-atoms"))
    for n, atom in enumerate(atoms, start=begun + 1):
        visitor.page.mouse.click(*places_on_screen(visitor)[atom])
        wait_for(f"{n} picked atoms", visitor.page.locator(f'{MEASURED}[data-atoms="{n}"]').count)


def value_of(text: str) -> float:
    """The first number with a unit in a measured text."""
    found = re.search(r"(−?[0-9.]+)(\s?Å|°)", text)
    assert found is not None, text
    return float(found[1].replace("−", "-"))


def test_distance_angle_and_clearing(app: str, visitor: Visitor, small: Dataset) -> None:
    row = int(np.flatnonzero(small.molecules.sizes == 3)[0])  # a triatomic molecule: nothing hides behind anything
    identifier = int(small.molecules.ids[row])
    view = shown(visitor, f"{app}/molecules?dataset=small&molecule={identifier}", identifier)
    assert view.get_attribute("data-atoms") == "3"
    box = view.bounding_box()
    ground = Image.open(io.BytesIO(visitor.page.screenshot())).convert("RGB")
    middle = ground.crop((int(box["x"]), int(box["y"]), int(box["x"] + box["width"]), int(box["y"] + box["height"])))
    assert len(middle.getcolors(1 << 24)) > 100
    at = small.molecules.positions[small.molecules.atoms(row)]
    words = visitor.page.locator(MEASURED)
    click_atoms(visitor, [1])
    assert "Atom 2" in words.inner_text() and "Å" in words.inner_text()
    click_atoms(visitor, [0, 2])
    left, right = at[1] - at[0], at[2] - at[0]
    expected = np.degrees(np.arccos(left @ right / np.linalg.norm(left) / np.linalg.norm(right)))
    wait_for("the angle", lambda: words.inner_text().startswith("Angle"))
    assert value_of(words.inner_text()) == pytest.approx(expected, abs=0.006)
    visitor.page.keyboard.press("Escape")
    wait_for("nothing picked", visitor.page.locator(f'{MEASURED}[data-atoms="0"]').count)
    click_atoms(visitor, [0, 2])
    assert words.inner_text().startswith("Distance")
    assert value_of(words.inner_text()) == pytest.approx(np.linalg.norm(at[2] - at[0]), abs=6e-5)
    visitor.page.locator(".molecule .clear").click()
    wait_for("nothing picked", visitor.page.locator(f'{MEASURED}[data-atoms="0"]').count)
    visitor.is_content()


def test_a_dihedral_has_its_sign(app: str, visitor: Visitor, small: Dataset) -> None:
    """The four atoms are picked as the browser picks them; the angle must be that of the stored coordinates."""
    identifier = int(small.molecules.ids[40])
    shown(visitor, f"{app}/molecules?dataset=small&molecule={identifier}", identifier)
    at = small.molecules.positions[small.molecules.atoms(40)]
    visible = in_front(visitor)
    chain = next(c for c in ([visible[i] for i in (0, 1, 2, 3)], [visible[i] for i in (1, 3, 0, 2)]) if bent(at[c]))
    click_atoms(visitor, chain)
    words = visitor.page.locator(MEASURED).inner_text()
    assert words.startswith("Dihedral")
    assert value_of(words) == pytest.approx(dihedral(at[chain]), abs=0.006)
    visitor.is_content()


def in_front(visitor: Visitor) -> list[int]:
    """Atoms that no other atom stands near on the screen, so that a click on them meets them."""
    at = np.array(places_on_screen(visitor))
    apart = np.linalg.norm(at[:, None] - at[None], axis=2) + 1e6 * np.eye(len(at))
    return [int(i) for i in np.argsort(-apart.min(axis=1))]


def bent(at: np.ndarray) -> bool:
    """Whether four points have a dihedral angle that is neither 0 nor 180 degrees."""
    return abs(np.linalg.det(at[1:] - at[0])) > 0.3


def dihedral(at: np.ndarray) -> float:
    """Degrees, by another formula than the page: the angle between two normals, with the sign of the triple product."""
    b1, b2, b3 = np.diff(at, axis=0)
    n1, n2 = np.cross(b1, b2), np.cross(b2, b3)
    angle = np.degrees(np.arccos(np.clip(n1 @ n2 / np.linalg.norm(n1) / np.linalg.norm(n2), -1, 1)))
    return float(np.sign(b1 @ n2) * angle)


def test_labels_and_spin(app: str, visitor: Visitor) -> None:
    view = shown(visitor, f"{app}/molecules?dataset=small")
    page = visitor.page

    def written() -> list[str]:
        return view.evaluate("h => window.__mollens_viewers.get(h).labels.map(l => l.text)")

    assert written() == []
    page.locator('.labels button[data-labels="element"]').click()
    wait_for("labels", lambda: len(written()) == 3)
    assert sorted(written()) == sorted(
        view.evaluate("h => window.__mollens_viewers.get(h).getModel().selectedAtoms({}).map(a => a.elem)")
    )
    page.locator('.labels button[data-labels="index"]').click()
    wait_for("numbers", lambda: sorted(written()) == ["1", "2", "3"])
    page.locator('.labels button[data-labels="partial_charges"]').click()
    wait_for("charges", lambda: all(re.fullmatch(r"−?[01]\.[0-9]{2}", text) for text in written()))
    page.locator('.labels button[data-labels="off"]').click()
    wait_for("no labels", lambda: written() == [])
    before = view.evaluate("h => window.__mollens_viewers.get(h).getView()")
    page.locator(".spin").click()
    wait_for("a turned view", lambda: view.evaluate("h => window.__mollens_viewers.get(h).getView()") != before)
    page.locator(".spin").click()
    assert page.locator(".spin").get_attribute("aria-pressed") == "false"
    visitor.is_content()


def listed(visitor: Visitor) -> list[str]:
    return visitor.page.locator(".table tbody tr").evaluate_all("rows => rows.map(row => row.dataset.id)")


def test_sorting_takes_all_molecules_and_stays_in_the_address(app: str, visitor: Visitor, small: Dataset) -> None:
    shown(visitor, f"{app}/molecules?dataset=small")
    every = np.arange(small.molecules.n_molecules)
    ids = small.molecules.ids
    assert listed(visitor) == [str(i) for i in np.sort(ids)[:100]]
    visitor.page.locator('.table th button[data-key="gap"]').click()
    rising = [str(ids[row]) for row in sorted_rows(small, every, "gap")]
    wait_for("the smallest gaps", lambda: listed(visitor) == rising[:100])
    assert rising != [str(i) for i in ids]
    visitor.page.locator('.table th button[data-key="gap"]').click()
    falling = [str(ids[row]) for row in sorted_rows(small, every, "gap", descending=True)]
    wait_for("the largest gaps", lambda: listed(visitor) == falling[:100])
    visitor.page.wait_for_url("**sort=-gap**")
    visitor.page.get_by_label("Page 2", exact=True).click()
    wait_for("the second page", lambda: listed(visitor) == falling[100:])
    visitor.page.wait_for_url("**page=2**")
    visitor.goes_to(visitor.page.url)
    wait_for("the same page from its address", lambda: listed(visitor) == falling[100:])
    visitor.is_content()


def test_rows_steps_and_deep_links_lead_to_a_molecule(app: str, visitor: Visitor, small: Dataset) -> None:
    ids = [str(i) for i in np.sort(small.molecules.ids)]
    shown(visitor, f"{app}/molecules?dataset=small")
    page = visitor.page
    page.locator(f'.table tr[data-id="{ids[4]}"]').click()
    wait_for("the clicked molecule", page.locator(f'.molecule .view[data-molecule="{ids[4]}"]').count)
    page.wait_for_url(f"**molecule={ids[4]}**")
    page.locator(".st-key-step_N button").first.click()
    wait_for("the next molecule", page.locator(f'.molecule .view[data-molecule="{ids[5]}"]').count)
    visitor.is_done()
    page.keyboard.press("p")
    wait_for("the one before, by key", page.locator(f'.molecule .view[data-molecule="{ids[4]}"]').count)
    shown(visitor, f"{app}/molecules?dataset=small&molecule={ids[120]}", int(ids[120]))
    assert ids[120] in listed(visitor) and len(listed(visitor)) == 50
    selected = page.locator('.table tr[aria-selected="true"]')
    assert selected.get_attribute("data-id") == ids[120] and selected.is_visible()
    visitor.is_content()


def test_a_neighbour_leads_to_itself(app: str, visitor: Visitor, small: Dataset) -> None:
    make_index(small)
    rows, similarities = nearest_rows(small, 60, 8)
    shown(visitor, f"{app}/molecules?dataset=small&molecule={small.molecules.ids[60]}")
    page = visitor.page
    first = page.locator(".gallery .card").first
    assert first.get_attribute("data-id") == str(small.molecules.ids[rows[0]])
    assert first.locator(".title").inner_text() == f"{similarities[0]:.2f}"
    wait_for("its picture", lambda: first.locator("img").evaluate("image => image.complete && image.naturalWidth > 0"))
    first.click()
    page.wait_for_url(f"**molecule={small.molecules.ids[rows[0]]}**")
    wait_for("the neighbour", page.locator(f'.molecule .view[data-molecule="{small.molecules.ids[rows[0]]}"]').count)
    visitor.is_content()


def test_the_filters_of_an_address_hold_for_the_list(app: str, visitor: Visitor) -> None:
    page = visitor.page
    visitor.goes_to(f"{app}/molecules?dataset=small&element=F")
    wait_for("the chip", page.get_by_text("of 150 molecules").count)
    assert page.locator("h3").first.inner_text().endswith("molecules")
    assert all("F" in text for text in page.locator(".table tbody tr td:nth-child(2)").all_inner_texts())
    visitor.is_content()


def test_without_the_script_a_sentence_stands_in_the_view(app: str, visitor: Visitor) -> None:
    visitor.page.route("**/3Dmol*", lambda route: route.abort())
    visitor.page.route("**/3dmol*", lambda route: route.abort())
    visitor.goes_to(f"{app}/molecules?dataset=small")
    said = visitor.page.get_by_text("3Dmol.js could not be loaded")
    said.wait_for(timeout=30_000)
    assert said.is_visible() and visitor.page.locator('[data-ready="1"].view').count() == 0
    assert visitor.page.locator(".molecule .message img").is_visible()


def test_without_webgl_a_sentence_stands_in_the_view(app: str, chromium: Any) -> None:
    browser = chromium("--disable-3d-apis")
    visitor = Visitor(browser.new_page())
    visitor.goes_to(f"{app}/molecules?dataset=small")
    said = visitor.page.get_by_text("WebGL switched off")
    said.wait_for(timeout=30_000)
    assert said.is_visible() and visitor.page.locator('[data-ready="1"].view').count() == 0
    assert visitor.page.locator(".molecule .message img").is_visible()
    browser.close()
