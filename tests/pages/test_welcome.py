import re

import numpy as np
import pytest

from core.data.split_making import make_split
from core.files import CHECKOUT
from core.recipes.recipe import Recipe
from tests.fake_runs import fake_dataset, fake_molecules, fake_run, qm9_like
from tests.pages.reading import figures, open_page, words


@pytest.fixture(autouse=True)
def no_shipped_runs(monkeypatch: pytest.MonkeyPatch, home: object) -> None:
    monkeypatch.setattr("core.runs.folder.SHIPPED", CHECKOUT / "models" / "none")


def test_three_sentences_lead_to_the_pages() -> None:
    app = open_page("start/welcome.py")
    assert len(app.subheader) == 3
    assert [link.proto.label for link in app.get("page_link")] == [
        "The dataset", "Molecules", "Add data", "A new run", "All runs", "Errors by group", "The worst molecules",
    ]  # fmt: skip
    assert "No network has been trained on it yet." in words(app)


def test_the_best_model_and_its_worst_molecule_are_shown() -> None:
    dataset = fake_dataset("shown", fake_molecules(qm9_like(400)))
    curve = np.full((3, 40), 0.1)
    errors = np.full(400, 0.05)
    test_row = int(dataset.molecules.rows_of(_test_ids(dataset))[0])
    errors[test_row] = -0.95
    fake_run(dataset, np.full(400, 0.01), "second", 1.0, 2 * curve)  # the least test error does not choose it
    fake_run(dataset, errors, "best", 1.0, curve)
    app = open_page("start/welcome.py", dataset="shown")
    text = words(app)
    mean = (39 * 50 + 950) / 40
    assert "The run with the smallest validation error: " in text
    assert f"best: **{mean:.1f} meV** (" in text
    assert "mean absolute error on 40 test molecules; baseline 1.00 eV" in text
    assert f"id {dataset.molecules.ids[test_row]}, off by **−950 meV**" in text
    assert {"glimpse_sizes", "glimpse_runs", "glimpse_worst"} <= set(figures(app))


def test_only_runs_of_one_split_are_ranked() -> None:
    dataset = fake_dataset("shown", fake_molecules(qm9_like(400)))
    make_split(dataset, "other", seed=5, together="none")
    for name, scale, split in (("a", 0.2, "default"), ("b", 0.3, "default"), ("c", 0.1, "other")):
        fake_run(dataset, np.full(400, 0.05), name, 1.0, np.full((3, 40), scale), recipe=Recipe(split=split, epochs=3))
    text = words(open_page("start/welcome.py", dataset="shown"))
    assert re.search(r"smallest validation error: \S+ a: ", text)
    fake_run(dataset, np.full(400, 0.05), "d", 1.0, np.full((3, 40), 0.2), recipe=Recipe(split="other", epochs=3))
    assert re.search(r"smallest validation error: \S+ a: ", words(open_page("start/welcome.py", dataset="shown")))
    fake_run(dataset, np.full(400, 0.05), "e", 1.0, np.full((3, 40), 0.2), recipe=Recipe(split="other", epochs=3))
    assert re.search(r"smallest validation error: \S+ c: ", words(open_page("start/welcome.py", dataset="shown")))


def _test_ids(dataset):  # type: ignore[no-untyped-def]
    from core.data.splits import open_split

    return open_split(dataset).test
