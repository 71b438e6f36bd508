from __future__ import annotations

import csv
from pathlib import Path

import pytest

from core.errors import MollensError
from core.judge.held_out import HeldOut, held_out
from core.judge.inspect.gallery import export_gallery, gallery_format
from core.judge.inspect.outliers import page_of
from tests.core.judge.judged_runs import half_tested, noise, seeded


@pytest.fixture
def source() -> HeldOut:
    dataset = half_tested("asked", 300)
    return held_out(seeded(dataset, noise(dataset, 0)), dataset)


def test_csv_and_extended_xyz_hold_errors_in_order(source: HeldOut, tmp_path: Path) -> None:
    from ase.io import read

    page = page_of(source, limit=12)
    lines = list(csv.DictReader(export_gallery(source, page, tmp_path / "worst.csv").read_text().splitlines()))
    assert [int(line["id"]) for line in lines] == page.table["id"].to_list()
    assert [float(line["error [eV]"]) for line in lines] == page.table["error"].to_list()
    assert [float(line["rank"]) for line in lines] == list(range(1, 13)) and "energy [eV]" in lines[0]
    assert [float(line["times_spread"]) if line["times_spread"] else None for line in lines] == pytest.approx(
        page.table["times_spread"].to_list()
    )
    frames = read(export_gallery(source, page, tmp_path / "worst.extxyz"), index=":")
    assert [frame.info["id"] for frame in frames] == page.table["id"].to_list()
    assert [frame.info["predicted"] for frame in frames] == page.table["predicted"].to_list()
    with pytest.raises(MollensError, match="nothing can be exported"):
        export_gallery(source, page_of(source, offset=999), tmp_path / "none.csv")
    with pytest.raises(MollensError, match="its ending names no format"):
        gallery_format(tmp_path / "worst.pdf")
    assert gallery_format(tmp_path / "worst.HTML") is None
