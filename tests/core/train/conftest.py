"""The small dataset, in the home of each test."""

import pytest

from core.data.store import Dataset
from tests.core.train.small_dataset import save_small


@pytest.fixture
def small(home: object) -> Dataset:
    """About ninety small organic molecules under a known pair potential."""
    return save_small()
