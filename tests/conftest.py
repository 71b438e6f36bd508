"""Fixtures of all tests: a home of their own, small datasets, the optional folder of real data."""

from __future__ import annotations

import os
from pathlib import Path

# Threads of several test processes and of the jobs they start would only get into each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest

from core.data.card import Card
from core.data.store import Dataset, open_dataset, save_dataset
from core.files import CHECKOUT

SHARED = CHECKOUT.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty MOLLENS_HOME for each test."""
    folder = tmp_path / "home"
    monkeypatch.setenv("MOLLENS_HOME", str(folder))
    return folder


@pytest.fixture
def shared() -> Path:
    """The optional folder of real data; a test that asks for it is skipped where it is not there."""
    if not SHARED.is_dir():
        pytest.skip("the optional folder ../shared/data is not there")
    return SHARED


@pytest.fixture
def demo() -> Dataset:
    """The embedded dataset."""
    return open_dataset("demo")


@pytest.fixture
def tiny(demo: Dataset) -> Dataset:
    """120 molecules of demo as a dataset of their own: all sizes, with target `energy`."""
    return save_some(demo, "tiny", 120)


def save_some(demo: Dataset, name: str, n: int) -> Dataset:
    """Save `n` molecules of demo, evenly spread over its order by size, as dataset `name`."""
    rows = np.linspace(0, demo.molecules.n_molecules - 1, n).astype(int)
    card = demo.card.model_dump() | {"name": name, "title": name.capitalize(), "description": "some molecules of demo"}
    return save_dataset(demo.molecules.take(rows), Card.model_validate(card))
