"""The gallery as a page that needs no network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.data.store import Dataset
from core.figures.html_gallery import NO_SCRIPT, gallery_html
from core.judge.held_out import HeldOut, held_out
from core.judge.inspect.outliers import page_of
from tests.core.judge.judged_runs import half_tested, noise, seeded


@pytest.fixture
def source() -> HeldOut:
    dataset = half_tested("asked", 300)
    return held_out(seeded(dataset, noise(dataset, 0)), dataset)


def hostile(dataset: Dataset) -> Dataset:
    smiles = np.array([b"</script><img src=x onerror=alert(1)>"] * dataset.molecules.n_molecules)
    return replace(dataset, molecules=replace(dataset.molecules, smiles=smiles))


def test_html_needs_nothing_and_runs_nothing_of_others(source: HeldOut, tmp_path: Path) -> None:
    source = replace(source, dataset=hostile(source.dataset))
    library = tmp_path / "3Dmol-min.js"
    library.write_text("/* the library */ const a = '</script>';")
    made = gallery_html(source, page_of(source, limit=5), "largest <b>first</b>", "size=17", library)
    assert made.count("</script>") == 3 and "onerror=alert(1)>" not in made and "<b>first" not in made
    assert "\\u003cimg src=x onerror=alert(1)\\u003e" in made and "/* the library */" in made
    assert "http://" not in made and "https://" not in made and "default-src 'none'" in made
    assert made.count('role="option"') == 5 and NO_SCRIPT not in made
    worst = page_of(source).table["id"][0]
    assert f"molecule {worst}" in made
    without = gallery_html(source, page_of(source, limit=5), "worst first", "", tmp_path / "absent.js")
    assert NO_SCRIPT in without and "the library" not in without
