"""Datasets of distinct molecules and runs on them, for tests of comparisons: no molecule is a copy of another."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.data.molecules import Molecules
from core.data.split_making import make_split
from core.data.store import Dataset
from core.recipes.recipe import Recipe
from core.runs.folder import Run
from tests.fake_runs import QM9_SIZES, fake_dataset, fake_molecules, fake_run, qm9_like

Floats = NDArray[np.float64]


def distinct(numbers: Sequence[Sequence[int]], seed: int = 0) -> Molecules:
    """Molecules of `fake_molecules`, each in a geometry of its own."""
    molecules = fake_molecules(numbers)
    jitter = np.random.default_rng(seed).normal(0, 0.2, molecules.positions.shape)
    return dataclasses.replace(molecules, positions=molecules.positions + jitter)


def half_tested(name: str, n: int, level_of_theory: str = "GFN2-xTB") -> Dataset:
    """`n` molecules with QM9's sizes and the split "half": 30 % training, 20 % validation, 50 % test."""
    dataset = fake_dataset(name, distinct(qm9_like(n)), level_of_theory=level_of_theory)
    make_split(dataset, "half", train=0.3, validation=0.2, together="none")
    return dataset


def seeded(dataset: Dataset, errors: Floats, seed: int = 0, name: str = "", **fields: object) -> Run:
    """A finished run on the split "half" with these signed errors (n_molecules,)."""
    recipe = Recipe.model_validate({"preset": "schnet-small", "split": "half", "epochs": 1, "seed": seed, **fields})
    return fake_run(dataset, errors, name or f"run {seed}", recipe=recipe)


def noise(dataset: Dataset, seed: int, scale: float = 0.05) -> Floats:
    """(n_molecules,) heavy-tailed signed errors that depend on nothing."""
    return scale * np.random.default_rng(seed).standard_t(4, dataset.molecules.n_molecules)


def qm9_members(n: int, random: np.random.Generator) -> NDArray[np.bool_]:
    """(n_groups, n) sizes of n molecules drawn like QM9's, those with at least 10."""
    share = np.array(list(QM9_SIZES.values()), dtype=float)
    place = random.choice(len(share), n, p=share / share.sum())
    member = place == np.arange(len(share))[:, None]
    return member[member.sum(axis=1) >= 10]
