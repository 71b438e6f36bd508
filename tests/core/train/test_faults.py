"""A loss that is no number or explodes ends the training with the step and the molecules; a rough start does not."""

import numpy as np
import pytest

from core.data.store import Dataset
from core.errors import MollensError
from core.train.faults import FAR, IN_A_ROW, REMEMBERED, LossWatch
from core.train.job import run_job
from core.train.loop import Lesson
from tests.core.train.small_dataset import new_small_run
from tests.core.train.test_loop import lesson, train  # noqa: F401  the fixture

IDS = np.arange(100, 110)
ROWS = np.arange(10)


def watch(kind: str = "mse", residual: float = 1.0) -> LossWatch:
    """Of ten molecules, whose residual is the same."""
    return LossWatch(kind, IDS, ROWS, np.full(10, residual))


def take(watch: LossWatch, means: list[float], rows: np.ndarray = ROWS, first: int = 1) -> None:
    for step, mean in enumerate(means, first):
        losses = np.full(len(rows), mean, dtype=np.float32)
        losses[0] *= 1.5  # the first molecule's is the largest
        watch.look(step, rows, losses / losses.mean() * mean, 0.01)


def test_what_is_no_number_names_the_step_and_the_molecules(capsys: pytest.CaptureFixture[str]) -> None:
    losses = np.ones(10, dtype=np.float32)
    losses[[2, 5]] = np.nan, np.inf
    with pytest.raises(
        MollensError, match=r"^step 7: the loss is not a number for molecules 102, 105; lower the .*now 0\.01\) or clip"
    ):
        watch().look(7, ROWS, losses, 0.01)
    assert capsys.readouterr().err == "step 7: molecules of the batch: " + ", ".join(map(str, IDS)) + "\n"


def test_an_explosion_is_told_after_five_steps_with_the_largest_losses(capsys: pytest.CaptureFixture[str]) -> None:
    watched = watch()
    take(watched, [500.0, 3.0, 1.0] + [500 * FAR * 2] * (IN_A_ROW - 1))
    with pytest.raises(
        MollensError,
        match=r"^step 8: the loss has exploded to 1e\+07 times that of a network that says nothing; of this batch "
        r"molecules 100, .* and 5 more have the largest; lower the learning rate \(now 0\.01\) or clip the gradient",
    ):
        take(watched, [500 * FAR * 2], first=8)
    assert "molecules of the batch: 100, 101" in capsys.readouterr().err


def test_after_a_good_while_an_explosion_is_told_by_what_was_before() -> None:
    watched = watch()
    take(watched, [2000.0] + [1e-4] * REMEMBERED)
    take(watched, [9.0] * IN_A_ROW)  # a hundred thousand times what it was, but not worse than saying nothing
    with pytest.raises(MollensError, match="has exploded to 50 times"):
        take(watched, [50.0] * IN_A_ROW)


def test_single_jumps_and_bad_molecules_are_no_explosion() -> None:
    watched = watch()
    for _ in range(20):
        take(watched, [1.0] * 3 + [1e9] * (IN_A_ROW - 1))
    with pytest.raises(MollensError, match="has exploded"):  # one more in a row
        take(watched, [1e9])
    broken = LossWatch("mse", IDS, ROWS, np.array([1e4, *[1.0] * 9]))  # one label is far off
    take(broken, [1e8] * 50, rows=np.array([0]))


@pytest.mark.parametrize("kind", ["mae", "huber"])
def test_losses_that_are_linear_in_the_error_explode_by_the_same_error(kind: str) -> None:
    watched = watch(kind)
    take(watched, [1.0] * 10 + [90.0] * 10)
    with pytest.raises(MollensError, match="has exploded"):
        take(watched, [110.0] * IN_A_ROW)


def test_it_goes_on_from_its_state() -> None:
    first, again = watch(), watch()
    take(first, [7.0, 1.0] + [1e6] * 3)
    again.restore(first.state())
    assert again.state() == first.state()
    with pytest.raises(MollensError, match="^step 7: the loss has exploded"):
        take(again, [1e6] * 2, first=6)


@pytest.mark.parametrize(
    "fields",
    [
        {"learning_rate": 0.05, "warmup_epochs": 0},
        {"learning_rate": 0.03, "warmup_epochs": 1, "model": "painn"},
        {"learning_rate": 0.05, "loss": "mae", "batch_size": 1, "epochs": 2},
        {"n_atom_basis": 64, "batch_size": 2, "loss": "huber", "gradient_clip": 0, "epochs": 2},
    ],
)
def test_rough_trainings_are_left_alone(lesson: Lesson, fields: dict[str, object]) -> None:  # noqa: F811
    trained, _ = train(lesson, **fields)
    assert trained.progress.finished


def test_a_training_that_explodes_ends_with_a_sentence_and_keeps_its_checkpoint(
    small: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    run = new_small_run(small, learning_rate=1.0, epochs=50, gradient_clip=0, schedule="constant", warmup_epochs=0)
    with pytest.raises(MollensError, match=r"^step \d+: the loss (has exploded to|is not a number for molecules \d+)"):
        run_job(run.id)
    assert (run.status().state, run.status().error[:5]) == ("failed", "step ")
    assert "molecules of the batch: " in capsys.readouterr().err
