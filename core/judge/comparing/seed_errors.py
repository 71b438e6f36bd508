"""Errors of the seeds of one recipe: their mean, their spread, and what other seeds and molecules would give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from core.judge.comparing.pairing import scaled
from core.judge.comparing.recipes_compared import LEAST_SEEDS
from core.judge.held_out import HeldOut
from core.judge.statistics.intervals import LEVEL, N_POINTS_ONLY, intervals_of_means
from core.judge.statistics.resampling import seed_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

Limits = tuple[float | None, float | None]

TABLE_MEASURES = ("mae", "rmse", "mse", "median", "p95", "bias", "max")


def errors_of_seeds(
    sources: Sequence[HeldOut],
    ids: Ints,
    measure: str,
    per: str,
    groups: Mapping[str, tuple[str, Mask]],
    limits: Mapping[str, Limits] | None = None,
) -> dict[str, Any]:
    """Errors of the seeds of a recipe on the molecules with these ids, and on groups of them; see `runs_table`.

    groups: label and members (n_molecules,) of each, by its key
    limits: of single runs, where `limits_of_single` has found them for many at once
    """
    found: dict[str, Any] = {"n": len(ids), "own_n": min((len(source.ids) for source in sources), default=0)}
    if not sources:
        return found | {f"group.{key}": None for key in groups}
    rows = sources[0].dataset.molecules.rows_of(ids)
    errors, baseline = _errors_at(sources, ids, per), _errors_at(sources, ids, per, baseline=True)
    maes, mses = np.abs(errors).mean(axis=1), (errors**2).mean(axis=1)
    values = _measured(errors, measure)
    if len(sources) == 1 and limits is None:
        limits = limits_of_single([(sources[0], ids)], measure, per)
    single = limits.get(sources[0].run.id) if limits is not None and len(sources) == 1 else None
    low, high = single or _limits_of_seeds(errors, measure)
    found |= {
        "error": values.mean(), "error_low": low, "error_high": high, "error_spread": _spread(values),
        "mae": maes.mean(), "mae_spread": _spread(maes), "rmse": np.sqrt(mses).mean(),
        "mse": mses.mean(), "mse_spread": _spread(mses), "baseline_mae": np.abs(baseline).mean(),
    }  # fmt: skip
    for key, (_, member) in groups.items():
        inside = member[rows]
        values = _measured(errors[:, inside], measure) if inside.any() else np.full(len(errors), np.nan)
        found |= {
            f"group.{key}": float(values.mean()), f"group.{key}.spread": _spread(values),
            f"group.{key}.n": int(inside.sum()),
        }  # fmt: skip
    return found


def _measured(errors: Floats, measure: str) -> Floats:
    """The measure (n_seeds,) of errors (n_seeds, n)."""
    size = np.abs(errors)
    if measure in ("mae", "bias"):
        return np.asarray((size if measure == "mae" else errors).mean(axis=1))
    if measure in ("mse", "rmse"):
        mean = (errors**2).mean(axis=1)
        return np.asarray(mean if measure == "mse" else np.sqrt(mean))
    if measure == "max":
        return np.asarray(size.max(axis=1))
    if measure == "p95" and errors.shape[1] < N_POINTS_ONLY:
        return np.full(len(errors), np.nan)
    return np.asarray(np.quantile(size, 0.5 if measure == "median" else 0.95, axis=1))


def _spread(values: Floats) -> float | None:
    return float(values.std(ddof=1)) if len(values) > 1 else None


def _errors_at(sources: Sequence[HeldOut], ids: Ints, per: str, baseline: bool = False) -> Floats:
    """(n_seeds, n) errors, or those of the baselines, of the molecules with these ids."""
    errors = np.stack(
        [(each.baseline_error if baseline else each.error)[np.searchsorted(each.ids, ids)] for each in sources]
    )
    first = sources[0]
    return scaled(errors, first.target, first.dataset, first.dataset.molecules.rows_of(ids), per)


def limits_of_single(parts: Sequence[tuple[HeldOut, Ints]], measure: str, per: str) -> dict[str, Limits]:
    """95 % limits of a mean over molecules, by id of the run; runs on the same molecules are resampled together.

    parts: runs, each with the ids (n,) that it is judged on
    """
    found: dict[str, Limits] = {}
    together: dict[int, list[tuple[HeldOut, Ints]]] = {}
    for part in parts:
        together.setdefault(seed_of(part[1]), []).append(part)
    for seed, same in together.items():
        ids = same[0][1]
        errors = np.concatenate([_errors_at([source], ids, per) for source, _ in same])
        terms = _averaged(errors, measure)
        if terms is None or len(ids) < N_POINTS_ONLY:
            continue
        limits = intervals_of_means(terms, np.ones((1, len(ids)), dtype=bool), seed)
        for (source, _), each in zip(same, limits, strict=True):
            found[source.run.id] = _as_measured(float(each.low[0]), float(each.high[0]), measure)
    return found


def _limits_of_seeds(errors: Floats, measure: str) -> Limits:
    """95 % limits of a mean over seeds and molecules; None below 3 seeds."""
    n_seeds, n = errors.shape
    terms = _averaged(errors, measure)
    if terms is None or n < N_POINTS_ONLY or n_seeds < LEAST_SEEDS:
        return None, None
    means, each = terms.mean(axis=1), terms.mean(axis=0)
    rare = (1 - LEVEL) / 2
    of_seeds = stdtrit(n_seeds - 1, rare) * means.std(ddof=1) / np.sqrt(n_seeds)
    of_molecules = stdtrit(n - 1, rare) * each.std(ddof=1) / np.sqrt(n)
    reach = float(np.hypot(of_seeds, of_molecules))
    return _as_measured(float(means.mean()) - reach, float(means.mean()) + reach, measure)


def _averaged(errors: Floats, measure: str) -> Floats | None:
    """What the measure is a mean of, (..., n) like the errors; None for quantiles and the maximum."""
    if measure in ("mse", "rmse"):
        return errors**2
    return {"mae": np.abs(errors), "bias": errors}.get(measure)


def _as_measured(low: float, high: float, measure: str) -> Limits:
    if measure != "bias":
        low = max(low, 0.0)
    return (float(np.sqrt(low)), float(np.sqrt(high))) if measure == "rmse" else (low, high)
