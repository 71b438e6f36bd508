"""What the tests of pages share."""

from __future__ import annotations

import pytest

from core.data.store import Dataset
from core.files import CHECKOUT
from tests.fake_runs import fake_dataset, fake_molecules, qm9_like


@pytest.fixture
def no_shipped_runs(monkeypatch: pytest.MonkeyPatch, home: object) -> None:
    monkeypatch.setattr("core.runs.folder.SHIPPED", CHECKOUT / "models" / "none")


@pytest.fixture
def cpu_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.runs.devices._gpus", lambda: [])


@pytest.fixture
def dataset() -> Dataset:
    return fake_dataset("learned", fake_molecules(qm9_like(400)))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the runs whose jobs would have been started."""
    ids: list[str] = []
    monkeypatch.setattr("pages.train.parts.start_card.start_job", lambda run: ids.append(run.id))
    return ids
