"""The thesis's four hypotheses, put to runs: each is answered, and "not enough data" is an answer too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.data.store import Dataset
from core.errors import MollensError
from core.judge.comparing.recipes_compared import LEAST_SEEDS, by_recipe
from core.judge.held_out import held_out, split_known
from core.judge.hypotheses.by_size import paired_seeds
from core.judge.hypotheses.controls import balanced_sizes, controls_of, directed_training
from core.judge.hypotheses.depletion import depleted_sizes, depletions
from core.judge.hypotheses.findings import CLAIMS, Action, Finding
from core.judge.hypotheses.rare_elements import rare_elements
from core.judge.hypotheses.rare_sizes import rare_sizes
from core.runs.folder import Run

COMPOSITION = "composition"


def ask_hypotheses(
    runs: Sequence[Run],
    dataset: Dataset,
    among: Sequence[Run] = (),
    only: Sequence[str] = (),
    part: str = "test",
    per: str = "molecule",
) -> list[Finding]:
    """What runs on one dataset say about H1 to H4, hypothesis by hypothesis.

    With 3 or more seeds of a recipe H1 and H2 are answered once for the recipe, else for every run. H1 is answered once
    more by every experiment that took the molecules of some sizes out of the training of such a recipe. H3 is put to
    runs with at most so many molecules per size, H4 to runs on some sizes only. Controls and experiments are looked for
    in `among` too. With 3 or more seeds of a recipe and of its control the answer is about recipes, else about the
    first seed that both have.

    only: keys of `CLAIMS`; all without
    per: "atom" divides errors by the number of atoms, in H1, H3 and H4

    Raises:
        MollensError: as `held_out` and `pair_up`, or for an unknown hypothesis.
    """
    for name in only:
        if name not in CLAIMS:
            raise MollensError(f"hypothesis {name!r} is not known; known are {', '.join(CLAIMS)}")
    asked = [name for name in CLAIMS if not only or name in only]
    found: list[Finding] = []
    pool = [*runs, *among]
    if "H1" in asked or "H2" in asked:
        known = [run for run in runs if split_known(run, dataset)]
        sources = [[held_out(run, dataset, part) for run in seeds] for seeds in _once_per_recipe(known)]
        unknown = [run for run in runs if run not in known]
        if "H1" in asked:
            found += [rare_sizes(seeds, per) for seeds in sources]
            found += [depleted_sizes(each, dataset, part, per) for each in depletions(known, pool, dataset)]
            found += [_unknown("H1", run) for run in unknown]
        if "H2" in asked:
            found += [rare_elements(seeds) for seeds in sources] + [_unknown("H2", run) for run in unknown]
    treated = [run for run in runs if not run.recipe_values.get("control") and run.dataset_name == dataset.name]
    if "H3" in asked:
        balanced = [run for run in treated if run.recipe_values.get("most_per_size")]
        found += [_against_control("H3", seeds, pool, dataset, per, part) for seeds in by_recipe(balanced)]
        if not balanced:
            found.append(_none_asked("H3", runs, dataset))
    if "H4" in asked:
        directed = [run for run in treated if run.recipe_values.get("min_atoms") or run.recipe_values.get("max_atoms")]
        found += [_against_control("H4", seeds, pool, dataset, per, part) for seeds in by_recipe(directed)]
        if not directed:
            found.append(_none_asked("H4", runs, dataset))
    return found


def _once_per_recipe(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs as they are judged: the seeds of one recipe together where there are enough of them, else each alone."""
    parts: list[list[Run]] = []
    for seeds in by_recipe(runs):
        each = list({run.seed: run for run in reversed(seeds)}.values())
        parts += [sorted(each, key=lambda run: run.seed)] if len(each) >= LEAST_SEEDS else [[run] for run in seeds]
    return parts


def _against_control(
    name: str, seeds: Sequence[Run], pool: Sequence[Run], dataset: Dataset, per: str, part: str
) -> Finding:
    controls = controls_of(seeds[0], pool)
    if not controls:
        own = sorted(seeds, key=lambda run: run.seed)
        return Finding(
            name, tuple(own), "not enough data",
            f"Not enough data: run {own[0].name} has no finished control, a run of the same recipe with "
            "control=true, as many training molecules and as many steps; clone it with: "
            f"python -m core clone {own[0].id} --set control=true",
            caution="Without a control nothing tells the choice of molecules from their smaller number.",
            action=Action(
                "Train its control", run=own[0].id, overrides={"control": True}, dataset=dataset.name
            ),
        )  # fmt: skip
    own, controls = paired_seeds(seeds, controls)
    compare = balanced_sizes if name == "H3" else directed_training
    return compare(own, controls, dataset, per, part)


_ASKS = {"H3": ("balanced sizes", "Train with balanced sizes"), "H4": ("some sizes only", "Train on large molecules")}


def _none_asked(name: str, runs: Sequence[Run], dataset: Dataset) -> Finding:
    what, label = _ASKS[name]
    setting = _setting(name, dataset)
    key, value = next(iter(setting.items()))
    start = next((run for run in runs if _can_be_asked(run, dataset)), None)
    action = None
    if start is not None:
        action = Action(
            f"{label}, and the control", run=start.id, overrides=setting, with_control=True, seeds=LEAST_SEEDS,
            dataset=dataset.name,
        )  # fmt: skip
    return Finding(
        name, tuple(runs), "not enough data",
        f"Not enough data: none of these runs was trained on {what}; train one with --set {key}={value}, and its "
        f"control with --set {key}={value} --set control=true.",
        caution="Only a control, as many molecules of all sizes and as many steps, shows what the choice does.",
        action=action,
    )  # fmt: skip


def _can_be_asked(run: Run, dataset: Dataset) -> bool:
    mine = run.error is None and run.origin == "mollens" and run.dataset_name == dataset.name
    return mine and run.recipe_values.get("model") != COMPOSITION and not run.recipe_values.get("control")


def _setting(name: str, dataset: Dataset) -> dict[str, int]:
    """A cap that leaves about a quarter of the molecules, or the sizes above the middle one, as in the thesis."""
    sizes = dataset.molecules.sizes
    if name == "H4":
        return {"min_atoms": int(np.median(sizes))}
    counts = np.unique(sizes, return_counts=True)[1]
    caps = np.unique(counts)
    kept = np.minimum(counts[None, :], caps[:, None]).sum(axis=1)
    return {"most_per_size": max(int(caps[np.searchsorted(kept, 0.25 * len(sizes))]) // 10 * 10, 10)}


def _unknown(name: str, run: Run) -> Finding:
    return Finding(
        name, (run,), "not enough data", f"Not enough data: it is not known which molecules {run.name} was trained on."
    )
