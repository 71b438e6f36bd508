"""A run of which is known what lies inside its network, and questions to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.data.molecules import Molecules
from core.data.splits import open_split
from core.data.store import Dataset
from core.files import write_array
from core.judge.inspect.distances_seen import distances_seen
from core.judge.inspect.nearest import neighbours_of
from core.judge.inspect.own_molecules import Answers, judged
from core.runs.folder import Run
from core.runs.inside import Inside, inside_draft, read_inside
from core.runs.predictions import Predictions, read_predictions
from tests.fake_runs import fake_run


def known_run(dataset: Dataset) -> tuple[Run, Inside, Predictions]:
    """A run whose first latent is the size; errors of 20, 40 and 60 meV by turns."""
    random, n = np.random.default_rng(0), dataset.molecules.n_molecules
    latents = np.stack([dataset.molecules.sizes + random.normal(0, 0.05, n), random.normal(0, 1, n)], axis=1)
    run = fake_run(dataset, np.full(n, 0.02) * (1 + np.arange(n) % 3), "judged")
    (run.path / "model.json").write_text('{"weights_sha256": "00"}')
    stored = read_predictions(run)
    assert stored is not None
    with inside_draft(run, dataset.name) as draft:
        write_array(draft.folder / "latents.npy", latents.astype(np.float32))
        write_array(draft.folder / "first_atom.npy", dataset.molecules.first_atom)
        nearest, apart = neighbours_of(latents.astype(np.float32), stored.split, latents, np.asarray(stored.split))
        write_array(draft.folder / "nearest.npy", nearest)
        write_array(draft.folder / "nearest_distance.npy", apart)
        train = dataset.molecules.rows_of(open_split(dataset).train)
        write_array(draft.folder / "distances_seen.npy", distances_seen(dataset.molecules, train))
        draft.about["nearest_in"] = dataset.name
    inside = read_inside(run)
    assert inside is not None
    return run, inside, stored


def chain(*spacings: float) -> tuple[np.ndarray, np.ndarray]:
    """Carbons on a line, and their places."""
    places = np.zeros((len(spacings) + 1, 3))
    places[1:, 0] = np.cumsum(spacings)
    return np.full(len(places), 6, dtype=np.uint8), places


def ask(
    known: tuple[Run, Inside, Predictions], dataset: Dataset, latents: list[list[float]], *chains: list[float]
) -> tuple[dict[str, Any], Molecules]:
    """The answer about chains of carbon with these spacings and latents, and the molecules."""
    parts = [chain(*each) for each in chains]
    sizes = [len(numbers) for numbers, _ in parts]
    own = Molecules(
        np.concatenate([numbers for numbers, _ in parts]), np.concatenate([places for _, places in parts]),
        np.concatenate([[0], np.cumsum(sizes)]), np.arange(7, 7 + len(parts)),
    )  # fmt: skip
    n = len(parts)
    answers = Answers(
        np.full(n, -100.0), np.full(n, -101.0), np.array(latents, dtype=np.float32), [""] * n, [[] for _ in parts],
        [None] * n,
    )  # fmt: skip
    return judged(known[0], own, answers, dataset, known[1], known[2]), own
