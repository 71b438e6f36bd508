"""Was anything like this molecule trained on? By the distance of latents, and by counting what it is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.judge.inspect.bench import Bench
from core.judge.inspect.causes import Cause, Number, percent
from core.judge.inspect.features import Rarity, rarity
from core.judge.inspect.look_inside import how_to_look
from core.judge.inspect.nearest import FAR

FARTHER = 0.90
"""Share of held-out molecules beyond whose distance a molecule lies rather far."""
COMMON = 0.50
"""Share of held-out molecules with something as rare, from which nothing in a molecule is called rare."""
FEW = 10
"""Training molecules below which a feature or a pair of them was hardly trained on."""
RARE, RATHER_RARE = 0.02, 0.10
"""Shares of held-out molecules that hold something as rare."""


@dataclass(frozen=True)
class FeatureCount:
    """A feature of the molecule, and how often it was trained on."""

    kind: str
    """size, element, rings, charges or functional_group"""
    name: str
    n_train: int
    where: str | None
    """as a filter, None where there is none"""


def feature_counts(bench: Bench, row: int) -> tuple[FeatureCount, ...]:
    """Its features, the rarest in training first; none where it is not known what was trained on."""
    counted = counted_for(bench)
    if counted is None:
        return ()
    features = counted.features
    found = []
    for k in features.of(row):
        selection = features.selections[k]
        where = ";".join(selection.where()) if selection else None
        found.append(FeatureCount(features.kinds[k], features.names[k], counted.count(int(k)), where))
    return tuple(sorted(found, key=lambda each: each.n_train))


def counted_for(bench: Bench) -> Rarity | None:
    """Features counted among the first run's training molecules; None where these are not known or lie elsewhere."""
    first = bench.first
    if not first.known or first.source.elsewhere or not len(first.source.train_rows):
        return None
    return rarity(bench.dataset, first.source.train_rows, first.source.rows)


def unseen(bench: Bench, row: int) -> Cause:
    """Whether the molecule is unlike all that the first run was trained on.

    Near latents rule nothing out: a network may take for alike what is not. Only having trained on it does.

    Distances are those of the seeds of its recipe whose networks have been looked into, the middle one of their
    percentiles among their own held-out molecules.
    """
    first = bench.first
    if first.code(row) == "training":
        return Cause("unseen", "ruled out", (), ("The model was trained on it: what is shown is a training residual.",))
    copy = bench.copy_seen(row)
    if copy is not None:
        text = f"Molecule {copy}, with the same atoms in the same geometry, is among the training molecules."
        return Cause("unseen", "ruled out", (), (text,), numbers={"copy_seen": copy})
    for_, against, unknown, numbers = _by_distance(bench, row)
    share = numbers.get("farther_than_share")
    count, as_rare = _by_features(bench, row, for_, against, unknown, numbers)
    far = isinstance(share, float) and share >= FAR
    rare = count is not None and as_rare is not None and count < FEW and as_rare <= RARE
    if far or rare:
        grade = "strong"
    elif (isinstance(share, float) and share >= FARTHER) or (as_rare is not None and as_rare <= RATHER_RARE):
        grade = "some"
    elif share is None and count is None:
        grade = "not known"
    else:
        grade = "none found"
    return Cause("unseen", grade, tuple(for_), tuple(against), tuple(unknown), numbers)


def _by_distance(bench: Bench, row: int) -> tuple[list[str], list[str], list[str], dict[str, Number]]:
    found = [(run, at) for run in bench.of_recipe(0) if (at := run.distance(row)) is not None]
    if not found:
        text = f"How far it lies from the training molecules is not computed{how_to_look(bench.first)}."
        return [], [], [text], {"farther_than_share": None}
    share = float(np.median([at[1] for _, at in found]))
    run = found[0][0]
    n, part = len(run.distances), run.source.part
    seeds = f", the middle one of {len(found)} seeds" if len(found) > 1 else ""
    whose = f"that of {percent(share)} of {n:,} {part} molecules"
    if share * n > n - 1:
        whose = f"that of any other {part} molecule ({n:,} in all)"
    elif share == 0:
        whose = f"that of none of {n:,} {part} molecules"
    text = f"Its nearest training molecule is farther away than {whose}{seeds}."
    numbers: dict[str, Number] = {"farther_than_share": share, "n_networks": len(found), "n_held_out": n}
    return ([text], [], [], numbers) if share >= FARTHER else ([], [text], [], numbers)


def _by_features(
    bench: Bench,
    row: int,
    for_: list[str],
    against: list[str],
    unknown: list[str],
    numbers: dict[str, Number],
) -> tuple[int | None, float | None]:
    """Least count of a feature or pair, and the share of held-out molecules with one as rare; sentences are added."""
    counted = counted_for(bench)
    if counted is None:
        why = "lie in another dataset" if bench.first.known and bench.first.source.elsewhere else "are not known"
        unknown.append(f"What it is made of was not counted: the training molecules of {bench.first.run.name} {why}.")
        return None, None
    count, which = counted.rarest(row)
    share = counted.share_as_rare(count)
    names = [counted.features.names[k] for k in which]
    what = names[0] if len(names) == 1 else f"{names[0]} and {names[1]}"
    if share is None or share > COMMON:
        against.append(
            f"Nothing that it is made of is rare in training: {count:,} of {counted.n_train:,} molecules there have "
            f"its rarest, {what}."
        )
    else:
        both = "both " if len(names) > 1 else ""
        has = "has" if count == 1 else "have"
        told = f"{count:,} of {counted.n_train:,} training molecules {has} {both}{what}"
        if len(which) > 1:
            alone = min(which, key=counted.count)
            told += f" ({counted.count(alone):,} have {counted.features.names[alone]})"
        (for_ if share <= RATHER_RARE else against).append(
            f"{told}; {percent(share)} of the {bench.first.source.part} molecules hold something as rare."
        )
    if counted.features.left_out:
        unknown.append(counted.features.left_out)
    numbers |= {
        "rarest": " and ".join(names),
        "rarest_n_train": count,
        "as_rare_share": share,
        "n_train": counted.n_train,
    }
    return count, share
