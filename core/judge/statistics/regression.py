"""Linear regression with robust standard errors, and how far each variable is explained by the others.

Sources: J. G. MacKinnon and H. White, J. Econom. 29, 305 (1985) (HC3); F. E. Harrell, Regression Modeling Strategies
(2015), eq. 2.25 (restricted cubic spline).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fit:
    """Coefficients of a least-squares fit."""

    coefficients: Floats
    """(n_columns,)"""
    errors: Floats
    """(n_columns,) heteroscedasticity-consistent standard errors, HC3"""
    inflation: Floats
    """(n_columns,) variance inflation: 1 / (1 - R^2) of the column on the others; 1 for the constant"""
    freedom: int
    """n minus columns"""


def fit_robust(columns: Floats, y: Floats) -> Fit:
    """Least squares of y (n,) on columns (n, n_columns), the first of which is the constant.

    Columns that others determine get a coefficient of NaN and an infinite inflation.
    """
    n = len(y)
    inflation = np.array([1.0, *(_inflation(columns, k) for k in range(1, columns.shape[1]))])
    usable = np.flatnonzero(inflation < 1e8)
    used = columns[:, usable]
    inverse = np.linalg.pinv(used.T @ used)
    beta = inverse @ (used.T @ y)
    leverage = np.einsum("ij,jk,ik->i", used, inverse, used)
    residual = (y - used @ beta) / np.maximum(1 - leverage, 1e-9)
    meat = (used * residual[:, None] ** 2).T @ used
    coefficients, errors = (np.full(columns.shape[1], np.nan) for _ in range(2))
    coefficients[usable] = beta
    errors[usable] = np.sqrt(np.diag(inverse @ meat @ inverse))
    return Fit(coefficients, errors, inflation, n - len(usable))


def _inflation(columns: Floats, k: int) -> float:
    others, own = np.delete(columns, k, axis=1), columns[:, k]
    found, *_ = np.linalg.lstsq(others, own, rcond=None)
    left, total = float(((own - others @ found) ** 2).sum()), float(((own - own.mean()) ** 2).sum())
    return total / left if left > 1e-10 * max(total, 1e-300) else float("inf")


def smooth_columns(values: Floats, n_knots: int = 4) -> Floats:
    """(n, n_knots - 1) a restricted cubic spline of values (n,), linear beyond its outer knots; standardised.

    Fewer columns where the values are few: none for one value, a line for two or three.
    """
    spread = values.std()
    if spread == 0:
        return np.zeros((len(values), 0))
    knots = np.unique(np.quantile(values, np.linspace(0.05, 0.95, n_knots)))
    if len(knots) < 3:
        return ((values - values.mean()) / spread)[:, None]
    last, before = knots[-1], knots[-2]

    def cube(knot: float) -> Floats:
        return np.asarray(np.maximum(values - knot, 0.0) ** 3)

    bent = [
        cube(knot) - cube(before) * (last - knot) / (last - before) + cube(last) * (before - knot) / (last - before)
        for knot in knots[:-2]
    ]
    columns = np.column_stack([values, *bent])
    scale = columns.std(axis=0)
    return np.asarray((columns - columns.mean(axis=0)) / np.where(scale > 0, scale, 1.0))
