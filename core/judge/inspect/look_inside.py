"""How a run's network is looked into, as the end of a sentence on what is not known without it."""

from __future__ import annotations

from core.judge.inspect.bench import BenchRun


def how_to_look(run: BenchRun) -> str:
    """The command, or why there is no network; follows "... is not computed"."""
    if run.run.recipe_values.get("model") == "composition":
        return f": {run.run.name} is a fit of the atom counts and has no network"
    if not (run.run.path / "model.json").exists():
        return f": {run.run.name} holds predictions only, no network"
    elsewhere = f" --dataset {run.source.dataset.name}" if run.source.elsewhere else ""
    return f": run `look-inside {run.run.id}{elsewhere}`"
