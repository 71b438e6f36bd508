from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from core.judge import tables
from core.judge.errors import errors_of_all
from core.judge.held_out import HeldOut, held_out
from core.judge.statistics import cell_sums
from tests.fake_runs import fake_dataset, fake_molecules, fake_run, qm9_like


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    cell_sums.KEPT.clear()


@pytest.fixture
def sources(home: object) -> list[HeldOut]:
    dataset = fake_dataset("sums", fake_molecules(qm9_like(4000)))
    random = np.random.default_rng(0)
    fit = random.normal(0, 0.5, 4000)
    runs = [fake_run(dataset, random.standard_t(4, 4000) * 0.01, f"run {k}", fit) for k in range(2)]
    return [held_out(run, dataset) for run in runs]


def ask(sources: list[HeldOut], by: str = "size", **options: Any) -> list[pl.DataFrame]:
    return errors_of_all(sources, by, **options)


@pytest.mark.parametrize(
    "options",
    [
        {}, {"per": "atom"}, {"relative": "baseline"}, {"relative": "baseline", "per": "atom"}, {"simultaneous": True},
        {"relative": "baseline", "simultaneous": True, "per": "atom"},
    ],
)  # fmt: skip
def test_kept_sums_give_what_a_product_of_its_own_gives(
    sources: list[HeldOut], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    molecules = sources[0].dataset.molecules
    filters = {"none": None, "whole cells": molecules.contains(7), "through cells": molecules.ids % 2 == 0}
    ask(sources)
    kept = {(k, by): ask(sources, by, within=w, **options) for k, w in filters.items() for by in ("size", "element")}
    monkeypatch.setattr(tables, "MOST_BYTES", 0)
    for (name, by), found in kept.items():
        for one, other in zip(found, ask(sources, by, within=filters[name], **options), strict=True):
            assert one.select(pl.col(pl.String, pl.Int64)).equals(other.select(pl.col(pl.String, pl.Int64)))
            for column in one.select(pl.col(pl.Float64)).columns:
                enough = one["n_held_out"].to_numpy() >= 30  # the limits of a ratio of few lie where nothing is
                a, b = (table[column].to_numpy()[enough] for table in (one, other))
                np.testing.assert_allclose(a, b, rtol=5e-3, atol=1e-5, err_msg=f"{name} {by} {column}")


def test_only_what_is_new_needs_a_product(sources: list[HeldOut], monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    product = cell_sums.resample

    def counted(values: np.ndarray, *rest: Any, **options: Any) -> Any:
        drawn.append(len(values))
        return product(values, *rest, **options)

    monkeypatch.setattr(cell_sums, "resample", counted)
    ask(sources)
    assert drawn == [6]  # |error|, its square and the error of two runs
    ask(sources, "size_element")
    ask(sources, "element", per="atom")
    ask(sources[:1], "size", within=sources[0].dataset.molecules.contains(7))
    assert drawn == [6]
    ask(sources, relative="baseline")
    assert drawn == [6, 2]  # |baseline| and its square
    ask(sources, within=sources[0].dataset.molecules.ids % 2 == 0)
    assert drawn == [6, 2, 6]  # the filter cuts through cells


def test_what_is_kept_stays_within_its_bound(sources: list[HeldOut], monkeypatch: pytest.MonkeyPatch) -> None:
    ids = sources[0].dataset.molecules.ids
    ask(sources)
    size = sum(line.nbytes for lines in cell_sums.KEPT._sums.values() for line in lines.values())
    monkeypatch.setattr(cell_sums, "MOST_BYTES", int(2.5 * size))
    for k in range(4):
        ask(sources, within=ids % 5 != k)
    assert 1 <= len(cell_sums.KEPT._sums) <= 3
    assert sum(line.nbytes for lines in cell_sums.KEPT._sums.values() for line in lines.values()) <= 2.5 * size
