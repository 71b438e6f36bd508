"""The preview says what the run will do, with a sentence where a reader would not expect it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.data.split_making import make_split
from core.data.store import Dataset
from core.errors import MollensError
from core.recipes.create import count_steps, create_run
from core.recipes.parts import parts_of
from core.recipes.presets import preset
from core.recipes.preview import Preview, preview
from core.recipes.recipe import changed
from core.recipes.weights import effective_sample_size, molecule_weights


def of(demo: Dataset, name: str, *settings: str) -> Preview:
    return preview(changed(preset(name), list(settings)), demo)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("schnet-small", []),
        ("thesis-balanced-2000", ["most_per_size=100"]),
        ("thesis-balanced-2000-control", ["most_per_size=100"]),
        ("thesis-custom", []),
        ("effective-number-element", []),
    ],
)
def test_every_group_is_what_the_run_is_trained_on(name: str, settings: list[str], demo: Dataset) -> None:
    recipe, found = changed(preset(name), settings), of(demo, name, *settings)
    parts, molecules = parts_of(recipe, demo), demo.molecules
    weights = molecule_weights(recipe, molecules, parts.train)
    assert (found.n_train, found.n_split_train) == (len(parts.train), len(parts.split_train))
    assert (found.n_validation, found.n_test) == (len(parts.validation), len(parts.test))
    assert (
        found.steps
        == count_steps(recipe, len(parts.train))
        == recipe.epochs * math.ceil(len(parts.train) / recipe.batch_size)
    )
    assert found.effective_sample_size == pytest.approx(effective_sample_size(weights))
    sizes = molecules.sizes[parts.train]
    for size, before, after, weight, share, weight_share in zip(
        found.sizes.keys, found.sizes.before, found.sizes.after, found.sizes.weight, found.sizes.share,
        found.sizes.weight_share, strict=True,
    ):  # fmt: skip
        mine = sizes == size
        assert before == (molecules.sizes[parts.split_train] == size).sum()
        assert after == mine.sum()
        assert share == pytest.approx(mine.mean())
        assert weight_share == pytest.approx(weights[mine].sum() / weights.sum())
        assert weight == pytest.approx(weights[mine].mean()) if after else math.isnan(weight)
    for symbol, number, after, weight in zip(
        found.elements.labels, found.elements.keys, found.elements.after, found.elements.weight, strict=True
    ):
        mine = molecules.contains(int(number))[parts.train]
        assert symbol == molecules.symbols[molecules.elements.index(int(number))]
        assert after == mine.sum()
        assert weight == pytest.approx(weights[mine].mean())


def test_shares_of_sizes_are_shares_of_one_whole(demo: Dataset) -> None:
    found = of(demo, "thesis-size-weights")
    assert found.sizes.share.sum() == pytest.approx(1) and found.sizes.weight_share.sum() == pytest.approx(1)
    assert found.sizes.weight_share[found.sizes.keys >= 25].sum() > 5 * found.sizes.share[found.sizes.keys >= 25].sum()


def test_weights_that_no_run_can_have_are_shown_with_the_refusal(demo: Dataset) -> None:
    found = of(demo, "thesis-size-frequency-weights", "least_weight=0")
    assert found.excluded_sizes == [size for size in found.sizes.keys.tolist() if size <= 14]
    assert math.isnan(found.effective_sample_size)
    with pytest.raises(MollensError) as refused:
        create_run(found.recipe, demo)
    assert found.refusal == str(refused.value) and "sizes 3 to 14" in found.refusal
    clipped = of(demo, "thesis-size-frequency-weights")
    assert clipped.refusal == "" and clipped.excluded_sizes == []
    assert clipped.clipped_sizes == found.excluded_sizes
    n = int(clipped.sizes.after[clipped.sizes.keys <= 14].sum())
    assert any(
        line.startswith(f"The weight of sizes 3 to 14 is clipped to 0.1: {n:,} molecules") for line in clipped.warnings
    )


def warned(found: Preview, part: str) -> bool:
    return any(part in line for line in found.warnings)


def test_warnings_name_what_a_reader_would_not_expect(demo: Dataset) -> None:
    assert of(demo, "schnet-small").warnings == ()
    assert warned(of(demo, "thesis-default"), "Neighbours end at 4 Å")
    assert not warned(of(demo, "thesis-default", "model=composition"), "Neighbours end")
    assert warned(of(demo, "thesis-balanced-6000"), "changes nothing")
    found = of(demo, "thesis-above-17")
    strange = int((demo.molecules.sizes[parts_of(found.recipe, demo).validation] < 18).sum())
    assert warned(found, f"{strange:,} of {found.n_validation:,} validation molecules have sizes that are not trained")
    assert not warned(of(demo, "thesis-rate-search"), "validation molecules have sizes")
    assert warned(of(demo, "thesis-size-weights"), "effective sample of")
    assert warned(of(demo, "thesis-size-weights", "weight_by=element"), "depend on the size alone")
    assert warned(of(demo, "thesis-size-weights", "model=composition"), "takes no weights")


def test_an_element_that_sampling_loses_is_named(demo: Dataset) -> None:
    found = of(demo, "schnet-small", "max_atoms=3")
    lost = [label for label, n in zip(found.elements.labels, found.elements.after, strict=True) if n == 0]
    assert lost
    assert warned(found, f"No molecule that is trained on contains {' or '.join(lost)};")


def test_what_has_no_preview_raises_a_sentence(demo: Dataset, tiny: Dataset) -> None:
    with pytest.raises(MollensError, match="min_atoms 500 leaves no training molecule"):
        of(demo, "schnet-small", "min_atoms=500")
    with pytest.raises(MollensError, match="does not have it"):
        of(demo, "schnet-small", "split=missing")
    make_split(tiny, "no-validation", train=1.0, validation=0.0)
    assert "no validation molecule" in of(tiny, "schnet-small", "split=no-validation").refusal


def test_a_preview_changes_nothing(demo: Dataset) -> None:
    one, two = (of(demo, "thesis-balanced-2000-control", "most_per_size=20") for _ in range(2))
    assert np.array_equal(one.sizes.after, two.sizes.after)
    assert int(one.sizes.after.sum()) == one.n_train
