from __future__ import annotations

import numpy as np
import pytest

from core.judge.statistics.regression import fit_robust, smooth_columns


def design(n: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    columns = np.column_stack([np.ones(n), random.normal(size=(n, 2)), random.random(n) < 0.2])
    noise = random.normal(size=n) * (0.2 + np.abs(columns[:, 1]))
    return columns, columns @ np.array([1.0, 0.5, -0.3, 0.8]) + noise


def test_coefficients_are_those_of_least_squares() -> None:
    columns, y = design()
    known = np.linalg.lstsq(columns, y, rcond=None)[0]
    fit = fit_robust(columns, y)
    assert np.allclose(fit.coefficients, known) and fit.freedom == 196


def test_hc3_is_the_scatter_of_fits_without_one_molecule() -> None:
    """HC3 is the jackknife of the coefficients about the full fit (MacKinnon and White, 1985, eq. 11)."""
    columns, y = design(60)
    fit = fit_robust(columns, y)
    left_out = []
    for k in range(60):
        rest = np.arange(60) != k
        left_out.append(np.linalg.lstsq(columns[rest], y[rest], rcond=None)[0] - fit.coefficients)
    assert np.allclose(fit.errors, np.sqrt((np.array(left_out) ** 2).sum(axis=0)))


def test_inflation_is_known_for_correlated_columns() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=50_000)
    other = 0.9 * x + np.sqrt(1 - 0.81) * random.normal(size=50_000)
    fit = fit_robust(np.column_stack([np.ones(50_000), x, other]), x)
    assert fit.inflation[1:] == pytest.approx([1 / (1 - 0.81)] * 2, rel=0.03) and fit.inflation[0] == 1


def test_a_column_that_others_determine_has_no_coefficient() -> None:
    columns, y = design()
    fit = fit_robust(np.column_stack([columns, columns[:, 1]]), y)
    assert np.isinf(fit.inflation[[1, 4]]).all() and np.isnan(fit.coefficients[[1, 4]]).all()
    assert np.isfinite(fit.coefficients[[0, 2, 3]]).all()


def test_the_smooth_function_is_linear_beyond_its_outer_knots() -> None:
    values = np.linspace(0, 10, 401)
    columns = smooth_columns(values)
    assert columns.shape == (401, 3) and np.allclose(columns.mean(axis=0), 0)
    curvature = np.abs(np.diff(columns, n=2, axis=0)).max(axis=1)
    assert curvature[:15].max() < 1e-10 and curvature[-15:].max() < 1e-10 and curvature[200] > 1e-6
    bent = np.sin(values / 4)
    fitted = np.column_stack([np.ones(401), columns])
    left = bent - fitted @ np.linalg.lstsq(fitted, bent, rcond=None)[0]
    assert np.abs(left).max() < 0.05


def test_few_values_need_few_columns() -> None:
    assert smooth_columns(np.full(20, 3.0)).shape == (20, 0)
    assert smooth_columns(np.tile([1.0, 2.0], 10)).shape == (20, 1)
