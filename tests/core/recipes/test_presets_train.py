"""Every recipe that ships is trained to its end, with a small network and few molecules of demo."""

from __future__ import annotations

from core.data.store import Dataset
from core.recipes.create import create_run
from core.recipes.presets import preset, presets
from core.recipes.recipe import changed
from core.runs.folder import open_run
from core.runs.predictions import read_predictions
from core.train.job import run_job
from tests.conftest import save_some

SMALL = ["n_atom_basis=8", "n_interactions=1", "n_rbf=6", "epochs=1", "batch_size=50", "warmup_epochs=0"]


def test_every_preset_trains_and_predicts(demo: Dataset) -> None:
    some = save_some(demo, "some", 240)
    for name in presets():
        recipe = changed(preset(name), SMALL)
        run = create_run(recipe, some, device="cpu")
        run_job(run.id)
        status = open_run(run.id).status()
        assert (status.state, status.error) == ("finished", ""), name
        predictions = read_predictions(run, some.name)
        assert predictions is not None, name
        n = run.recipe_file["trained_on"]["n"]
        assert int((predictions.split == 0).sum()) == n, name
        assert len(predictions.ids) == 240, name
        if recipe.model != "composition":
            assert status.step == -(-n // 50), name
