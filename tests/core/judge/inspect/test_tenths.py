from __future__ import annotations

import numpy as np
import pytest

from core.judge.inspect.tenths import place_in_size, seeds_of, tenths_table, uncertainty_report
from core.judge.inspect.uncertainty import uncertainties
from tests.core.judge.judged_runs import half_tested, noise, seeded


def test_places_table_and_report_of_two_seeds(home: object) -> None:
    dataset = half_tested("seeds", 600)
    runs = [seeded(dataset, noise(dataset, k), k) for k in range(2)]
    seeded(dataset, noise(dataset, 7), 0, "other", n_atom_basis=32)
    assert [run.id for run in seeds_of(runs[1], "seeds")] == [runs[1].id, runs[0].id]
    told = uncertainties(seeds_of(runs[0], "seeds"), dataset)
    spread = told.of("spread")
    assert spread is not None
    sizes = dataset.molecules.sizes
    of = sizes[spread.rows]
    size = np.bincount(of).argmax()
    own = np.flatnonzero(of == size)
    most, least = own[spread.values[own].argmax()], own[spread.values[own].argmin()]
    assert place_in_size(spread, int(spread.ids[most]), sizes) == pytest.approx(1 - 0.5 / len(own))
    assert place_in_size(spread, int(spread.ids[least]), sizes) == pytest.approx(0.5 / len(own))
    rare = next(k for k in range(len(of)) if (of == of[k]).sum() < 10)
    assert place_in_size(spread, int(spread.ids[rare]), sizes) is None and place_in_size(spread, 1, sizes) is None

    table = tenths_table(told)
    assert table["quantity"].to_list() == ["spread"] * 10 and table["n"].sum() == spread.within_sizes.n
    weighted = (table["relative_error"] * table["n"]).sum() / table["n"].sum()
    assert weighted == pytest.approx(1.0)  # relative to the mean of each size
    report = uncertainty_report(told)
    assert report["n_seeds"] == 2 and len(report["quantities"]["spread"]["tenths"]) == 10
    assert "Distances are not computed" in report["missing"][0]
