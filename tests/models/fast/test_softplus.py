"""Softplus and its slope against float64."""

import numpy as np
import torch

from models.fast.processor import softplus_, times_slope_


def values() -> np.ndarray:
    """Small and large ones, of either sign, zero among them; float32."""
    return np.concatenate([np.linspace(-85, 100, 4001), np.linspace(-1, 1, 2001)]).astype(np.float32)


def test_softplus_is_right_to_the_last_places() -> None:
    expected = np.logaddexp(0, values().astype(np.float64))
    found = softplus_(torch.from_numpy(values())).numpy()
    assert np.abs(found / expected - 1).max() < 4e-7


def test_the_slope_is_right_to_the_last_places() -> None:
    x = values().astype(np.float64)
    at = torch.from_numpy(np.logaddexp(0, x).astype(np.float32))
    found = times_slope_(torch.full((len(x),), 2.0), at).numpy()
    assert np.abs(found * (1 + np.exp(-x)) / 2 - 1).max() < 6e-7


def test_what_is_no_number_stays_none() -> None:
    found = softplus_(torch.tensor([np.nan, np.inf, -1e30])).numpy()
    assert np.isnan(found[0]) and found[1] == np.inf and 0 <= found[2] < 1e-37
