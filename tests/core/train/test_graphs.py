"""A step of fixed shape is the step of the loop: the same losses, gradients and weights, whatever fills the padding."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from core.data.neighbours import find_neighbours
from core.train.averages import RunningAverage
from core.train.batches import FlatMolecules
from core.train.graphs import CHECKED, WARM_UP, GraphedStep, can_be_graphed
from core.train.losses import molecule_losses
from core.train.padding import Capacity, PaddedMolecules
from models.fast import PairForward
from models.registry import build_network
from models.schnetpack_compat import NeuralNetworkPotential
from tests.core.train.small_dataset import organic_molecules

CUTOFF, BATCH, RATE = 4.0, 16, 3e-3
LAST = 5  # molecules of the last batch


@pytest.fixture(scope="module")
def flat() -> FlatMolecules:
    molecules = organic_molecules()
    return FlatMolecules.of(molecules, find_neighbours(molecules, CUTOFF))


def every_row(flat: FlatMolecules) -> np.ndarray:
    return np.arange(len(flat.n_atoms))


def batches(flat: FlatMolecules, n: int = 4) -> list[np.ndarray]:
    """Some whole batches and a small one."""
    order = np.random.default_rng(0).permutation(len(flat.n_atoms))
    return [*np.split(order[: n * BATCH], n), order[n * BATCH : n * BATCH + LAST]]


class Case:
    """Everything that a step needs, the same for equal arguments."""

    def __init__(self, flat: FlatMolecules, kind: str, pooling: str, weighted: bool) -> None:
        torch.manual_seed(0)
        self.flat = flat
        self.network = build_network(kind, n_atom_basis=12, n_interactions=2, n_rbf=8, cutoff=CUTOFF, pooling=pooling)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1.0, weight_decay=0.01, fused=True)
        self.averaged = RunningAverage(self.network, 0.9)
        generator = torch.Generator().manual_seed(1)
        self.residual = torch.randn(len(flat.n_atoms), generator=generator)
        self.weights = torch.rand(len(flat.n_atoms), generator=generator) + 0.5 if weighted else None

    def plain_step(self, rows: np.ndarray, clip: float = 1.0) -> Tensor:
        """The step as the loop takes it, on the molecules alone."""
        for group in self.optimizer.param_groups:
            group["lr"] = RATE
        on_device = torch.from_numpy(rows)
        output = PairForward(self.network)(self.flat.pairs(on_device))
        losses = molecule_losses("mse", output, self.residual[on_device])
        weighted = losses if self.weights is None else losses * self.weights[on_device]
        self.optimizer.zero_grad()
        weighted.mean().backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), clip)
        self.optimizer.step()
        self.averaged.update()
        return losses.detach()

    def padded_step(self, **more: Any) -> GraphedStep:
        return GraphedStep(
            self.network, self.optimizer, self.flat, self.residual, every_row(self.flat), BATCH, loss="mse",
            gradient_clip=1.0, weights=self.weights, averaged=self.averaged, **more,
        )  # fmt: skip


def assert_same_network(found: NeuralNetworkPotential, expected: NeuralNetworkPotential, what: str) -> None:
    for (name, one), other in zip(found.named_parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-5, msg=f"{what} {name}")


@pytest.mark.parametrize("kind", ["schnet", "painn"])
@pytest.mark.parametrize(("pooling", "weighted"), [("sum", False), ("sum", True), ("mean", False)])
def test_losses_gradients_and_weights_are_those_of_the_plain_step(
    flat: FlatMolecules, kind: str, pooling: str, weighted: bool
) -> None:
    plain, padded = Case(flat, kind, pooling, weighted), Case(flat, kind, pooling, weighted)
    step = padded.padded_step()
    for number, rows in enumerate(batches(flat)):
        expected, found = plain.plain_step(rows), step(rows, RATE)
        assert found is not None and found.shape == (len(rows),)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5, msg=f"losses of step {number}")
        if number == 0:  # from here on, rounding grows
            for (name, one), other in zip(padded.network.named_parameters(), plain.network.parameters(), strict=True):
                if other.grad is not None:
                    torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-6, msg=f"gradient of {name}")
    assert_same_network(padded.network, plain.network, "weight")
    assert_same_network(padded.averaged.network, plain.averaged.network, "average")
    assert padded.averaged.n_updates == plain.averaged.n_updates == 5
    group = padded.optimizer.param_groups[0]
    assert (group["lr"], group["capturable"]) == (1.0, False)  # as it was: checkpoints know nothing of padding


def test_what_fills_the_padding_does_not_matter(flat: FlatMolecules) -> None:
    rows = batches(flat)[0]
    tight = PaddedMolecules(flat, CUTOFF, every_row(flat), BATCH).capacity
    wide = Capacity(BATCH + 9, tight.atoms + 320, tight.pairs + 1024)
    outputs = []
    for shape in (tight, wide):
        case = Case(flat, "painn", "sum", False)
        outputs.append(case.padded_step(capacity=shape)(rows, RATE))
    torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-5, atol=1e-6)


def test_a_padded_batch_keeps_the_order_that_forwards_rely_on(flat: FlatMolecules) -> None:
    padded = PaddedMolecules(flat, CUTOFF, every_row(flat), BATCH)
    shape = padded.capacity
    for rows in batches(flat):
        n = len(rows)
        batch = padded.batch(torch.from_numpy(np.resize(rows, BATCH)), torch.tensor(n))
        plain = flat.pairs(torch.from_numpy(rows))
        n_atoms, n_pairs = len(plain.numbers), len(plain.first)
        assert (len(batch.numbers), len(batch.first)) == (shape.atoms, shape.pairs)
        for name in ("numbers", "positions", "molecule"):
            assert torch.equal(getattr(batch, name)[:n_atoms], getattr(plain, name)), name
        for name in ("first", "second", "distances"):
            assert torch.equal(getattr(batch, name)[:n_pairs], getattr(plain, name)), name
        assert torch.equal(batch.n_atoms[:n], plain.n_atoms)
        assert (batch.molecule.diff() >= 0).all() and (batch.first.diff() >= 0).all()
        assert (batch.first < batch.second).all() and batch.second.max() < shape.atoms
        assert (batch.first[n_pairs:] >= n_atoms).all() and (batch.distances[n_pairs:] >= CUTOFF).all()
        assert (batch.molecule[n_atoms:] == BATCH).all() and len(batch.molecule[n_atoms:]) >= 2


def test_capacity_holds_nearly_every_batch_and_never_more_than_the_largest() -> None:
    n_atoms = np.random.default_rng(0).integers(10, 27, 5000)
    shape = Capacity.of(n_atoms, 8 * n_atoms, 100)
    sums = [n_atoms[np.random.default_rng(k).permutation(5000)[:100]].sum() for k in range(300)]
    assert max(sums) + 2 <= shape.atoms <= 1.25 * np.mean(sums)
    assert shape.pairs % 64 == 0 and shape.pairs >= 8 * max(sums)
    assert Capacity.of(np.array([3, 3, 3]), np.array([2, 2, 2]), 100) == Capacity(3, 64, 64)


def test_a_batch_that_does_not_fit_changes_nothing(flat: FlatMolecules) -> None:
    case = Case(flat, "schnet", "sum", False)
    step = case.padded_step(capacity=Capacity(BATCH, 64, 64))
    before = [parameter.clone() for parameter in case.network.parameters()]
    assert step(batches(flat)[0], RATE) is None
    assert all(torch.equal(one, other) for one, other in zip(case.network.parameters(), before, strict=True))
    assert not step.given_up and case.averaged.n_updates == 0


class Recording(GraphedStep):
    """A step whose recording is the step itself, perhaps a wrong one."""

    wrong = False

    def _warm_step(self) -> Tensor:
        return self._step()

    def _record(self) -> "Recording":
        self._losses = torch.zeros(len(self._rows))
        return self

    def replay(self) -> None:
        learning_rate = self._learning_rate.clone()
        if self.wrong:
            self._learning_rate.mul_(0.5)
        assert self._losses is not None
        self._losses.copy_(self._step())
        self._learning_rate.copy_(learning_rate)


def recording(case: Case, wrong: bool, lines: list[str]) -> Recording:
    step = Recording(
        case.network, case.optimizer, case.flat, case.residual, every_row(case.flat), BATCH, loss="mse",
        gradient_clip=1.0, averaged=case.averaged, tell=lines.append,
    )  # fmt: skip
    step.wrong = wrong
    return step


def test_a_recording_that_agrees_is_trusted(flat: FlatMolecules, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, recorded, lines = Case(flat, "schnet", "sum", False), Case(flat, "schnet", "sum", False), []
    step = recording(recorded, False, lines)
    monkeypatch.setattr(step, "_recording", True)
    for rows in 2 * batches(flat):
        expected, found = plain.plain_step(rows), step(rows, RATE)
        assert found is not None
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
    assert not lines and step._n_checked == CHECKED
    assert_same_network(recorded.network, plain.network, "weight")


def test_a_recording_that_does_not_agree_is_dropped_before_it_harms(
    flat: FlatMolecules, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, recorded, lines = Case(flat, "schnet", "sum", False), Case(flat, "schnet", "sum", False), []
    step = recording(recorded, True, lines)
    monkeypatch.setattr(step, "_recording", True)
    rows = batches(flat)
    for number in range(WARM_UP):
        plain.plain_step(rows[number])
        assert step(rows[number], RATE) is not None
    assert step(rows[WARM_UP], RATE) is None and step.given_up
    assert step(rows[0], RATE) is None
    assert_same_network(recorded.network, plain.network, "weight")
    assert len(lines) == 1 and lines[0].startswith("CUDA graph not used: losses are off by")
    assert torch.is_tensor(recorded.plain_step(rows[WARM_UP]))


def test_other_outputs_than_sums_and_means_have_no_padded_step(flat: FlatMolecules) -> None:
    case = Case(flat, "schnet", "sum", False)
    assert can_be_graphed(case.network, flat)
    case.network.output_modules[0] = torch.nn.Identity()
    assert not can_be_graphed(case.network, flat)
    with pytest.raises(ValueError, match="no padded step"):
        case.padded_step()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("kind", ["schnet", "painn"])
def test_on_a_gpu_replays_are_the_plain_step(kind: str) -> None:
    molecules = organic_molecules()
    flat = FlatMolecules.of(molecules, find_neighbours(molecules, CUTOFF), "cuda")
    torch.manual_seed(0)
    network = build_network(kind, n_atom_basis=12, n_interactions=2, n_rbf=8, cutoff=CUTOFF).cuda()
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, fused=True)
    lines: list[str] = []
    residual = torch.zeros(len(flat.n_atoms), device="cuda")
    step = GraphedStep(network, optimizer, flat, residual, every_row(flat), BATCH, loss="mse", tell=lines.append)
    losses = [step(rows, RATE) for _ in range(20) for rows in batches(flat)]
    assert not lines and not step.given_up
    assert losses[0] is not None and losses[-1] is not None and losses[-1].mean() < 0.1 * losses[0].mean()
