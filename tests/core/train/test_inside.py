from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from core.data.store import Dataset, open_dataset
from core.errors import MollensError
from core.files import write_array
from core.runs.folder import SHIPPED, Run
from core.runs.inside import inside_draft, inside_state, read_inside
from core.runs.predictions import read_predictions
from core.train.inside import NOT_A_SUM, compute_inside, pieces_inside
from core.train.predict import flat_molecules, open_model, predict_dataset
from models.fast import PairForward
from tests.core.train.untrained import untrained_run


def looked(run: Run, dataset: Dataset) -> None:
    with inside_draft(run, dataset.name) as draft:
        compute_inside(run, dataset, draft)


@pytest.mark.parametrize("model", ["schnet", "painn"])
def test_contributions_add_up_and_latents_are_those_of_schnetpack(tiny: Dataset, model: str) -> None:
    run = untrained_run(tiny, model=model)
    looked(run, tiny)
    inside, stored, trained = read_inside(run), read_predictions(run), open_model(run)
    assert inside is not None and stored is not None and inside.contributions is not None
    sums = np.add.reduceat(inside.contributions, inside.first_atom[:-1])
    # a few roundings to float32 of what the network gives, none of the references of some hundred eV
    numbers = tiny.molecules.numbers[: len(inside.contributions)]
    learned = inside.contributions - np.array([trained.offset.reference[int(z)] for z in numbers])
    rounding = np.finfo(np.float32).eps * np.add.reduceat(np.abs(learned), inside.first_atom[:-1])
    assert (np.abs(sums - stored.predicted) < 4 * rounding + 1e-9).all()
    assert inside.contributions.dtype == np.float64 and inside.why_no_contributions == ""

    rows = tiny.molecules.rows_of(np.asarray(stored.ids))
    batch = flat_molecules(tiny, trained.neighbour_cutoff).batch(torch.from_numpy(rows))
    with torch.no_grad():
        for module in trained.network.input_modules:
            batch = module(batch)
        features = trained.network.representation(batch)["scalar_representation"].numpy()
    of_atom = np.repeat(np.arange(len(rows)), tiny.molecules.sizes[rows])
    expected = np.stack([features[of_atom == k].mean(axis=0) for k in range(len(rows))])
    assert np.abs(inside.latents - expected).max() < 2e-5
    assert np.array_equal(np.diff(inside.first_atom), tiny.molecules.sizes[rows])
    assert np.array_equal(inside.of_molecule(3), inside.contributions[inside.first_atom[3] : inside.first_atom[4]])


def test_a_network_without_fast_forward_is_asked_by_schnetpack_itself(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = untrained_run(tiny, model="painn")
    trained, rows = open_model(run), np.arange(20)
    flat = flat_molecules(tiny, trained.neighbour_cutoff)
    fast = list(pieces_inside(trained.network, flat, rows))

    def refuse(self: PairForward, *_: object) -> None:
        from models.errors import ModelError

        raise ModelError("none")

    monkeypatch.setattr(PairForward, "__init__", refuse)
    stock = list(pieces_inside(trained.network, flat, rows))
    for key in ("latents", "outputs", "of_atoms"):
        one, other = (np.concatenate([getattr(piece, key) for piece in pieces]) for pieces in (fast, stock))
        assert np.allclose(one, other, atol=1e-5), key


def test_what_is_no_sum_has_no_contributions_and_says_why(small: Dataset) -> None:
    run = untrained_run(small, target="gap")
    looked(run, small)
    inside = read_inside(run)
    assert inside is not None and inside.contributions is None and inside.of_molecule(0) is None
    assert inside.why_no_contributions == NOT_A_SUM["mean"]
    assert inside.latents.shape == (len(inside.ids), 16)


def test_stale_files_are_noticed(tiny: Dataset) -> None:
    run = untrained_run(tiny)
    assert inside_state(run) == "none" and read_inside(run) is None
    looked(run, tiny)
    assert inside_state(run) == "ready"
    path = run.path / "model.json"
    before = path.read_text()
    path.write_text(json.dumps(json.loads(before) | {"weights_sha256": "0" * 64}))
    assert inside_state(run) == "stale" and read_inside(run) is None
    path.write_text(before)
    assert inside_state(run) == "ready"
    write_array(run.path / "predictions" / "tiny" / "predicted.npy", np.zeros(len(read_inside(run).ids)))
    assert inside_state(run) == "stale" and read_inside(run) is None
    with pytest.raises(MollensError, match="its weights do not give its predictions"):
        looked(run, tiny)
    predict_dataset(run, tiny)
    assert inside_state(run) == "none"


def test_a_change_meanwhile_and_a_damaged_file(tiny: Dataset) -> None:
    run = untrained_run(tiny)
    with pytest.raises(MollensError, match="have changed meanwhile"), inside_draft(run, "tiny") as draft:
        compute_inside(run, tiny, draft)
        write_array(run.path / "predictions" / "tiny" / "predicted.npy", np.ones(tiny.molecules.n_molecules))
    assert inside_state(run) == "none"
    predict_dataset(run, tiny)
    looked(run, tiny)
    folder = run.path / "predictions" / "tiny"
    assert not [path for path in folder.parent.iterdir() if path.name != "tiny"]  # no draft is left
    (folder / "latents.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(MollensError, match=r"latents.npy is damaged.*look-inside"):
        read_inside(run)
    write_array(folder / "latents.npy", np.zeros((3, 2), dtype=np.float32))
    with pytest.raises(MollensError, match="do not fit"):
        read_inside(run)


def test_runs_without_a_network_are_refused(tiny: Dataset) -> None:
    composition = next(path for path in SHIPPED.iterdir() if "composition" in path.name)
    demo, run = open_dataset("demo"), Run(composition, shipped=True)
    with pytest.raises(MollensError, match="no network to look into"), inside_draft(run, "demo") as draft:
        compute_inside(run, demo, draft)
    unfinished = untrained_run(tiny)
    (unfinished.path / "predictions" / "tiny" / "about.json").unlink()
    with (
        pytest.raises(MollensError, match=r"no weights or no predictions.*core predict"),
        inside_draft(unfinished, "tiny"),
    ):
        pass
