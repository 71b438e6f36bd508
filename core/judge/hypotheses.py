"""The thesis's four hypotheses, put to runs: each is answered, and "not enough data" is an answer too."""

from __future__ import annotations

from collections.abc import Sequence

from core.data.store import Dataset
from core.errors import MollensError
from core.judge.controls import balanced_sizes, controls_of, directed_training
from core.judge.findings import CLAIMS, Finding
from core.judge.held_out import held_out, split_known
from core.judge.rare_elements import rare_elements
from core.judge.rare_sizes import rare_sizes
from core.judge.recipes_compared import LEAST_SEEDS, by_recipe
from core.runs.folder import Run


def ask_hypotheses(
    runs: Sequence[Run],
    dataset: Dataset,
    among: Sequence[Run] = (),
    only: Sequence[str] = (),
    part: str = "test",
    per: str = "molecule",
) -> list[Finding]:
    """What runs on one dataset say about H1 to H4, hypothesis by hypothesis.

    H1 and H2 are put to every run. H3 is put to runs with at most so many molecules per size, H4 to runs on some sizes
    only; their controls are looked for in `among`. With 3 or more seeds of a recipe and of its control the answer is
    about recipes, else about the first seed that both have.

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
    if "H1" in asked or "H2" in asked:
        known = [run for run in runs if split_known(run)]
        sources = [held_out(run, dataset, part) for run in known]
        if "H1" in asked:
            found += [rare_sizes(source, per) for source in sources] + [
                _unknown("H1", r) for r in runs if r not in known
            ]
        if "H2" in asked:
            found += [rare_elements(source) for source in sources] + [_unknown("H2", r) for r in runs if r not in known]
    treated = [run for run in runs if not run.recipe_values.get("control")]
    pool = [*runs, *among]
    if "H3" in asked:
        balanced = [run for run in treated if run.recipe_values.get("most_per_size")]
        found += [_against_control("H3", seeds, pool, dataset, per) for seeds in by_recipe(balanced)]
        if not balanced:
            found.append(_none_asked("H3", runs, "most_per_size=2000"))
    if "H4" in asked:
        directed = [run for run in treated if run.recipe_values.get("min_atoms") or run.recipe_values.get("max_atoms")]
        found += [_against_control("H4", seeds, pool, dataset, per) for seeds in by_recipe(directed)]
        if not directed:
            found.append(_none_asked("H4", runs, "min_atoms=18"))
    return found


def _against_control(name: str, seeds: Sequence[Run], pool: Sequence[Run], dataset: Dataset, per: str) -> Finding:
    by_seed = {run.seed: run for run in reversed(seeds)}
    own = [by_seed[seed] for seed in sorted(by_seed)]
    controls = controls_of(own[0], pool)
    if not controls:
        return Finding(
            name, tuple(own), "not enough data",
            f"Not enough data: run {own[0].name} has no finished control, a run of the same recipe with "
            "control=true, as many training molecules and as many steps; clone it with: "
            f"python -m core clone {own[0].id} --set control=true",
        )  # fmt: skip
    if min(len(own), len(controls)) < LEAST_SEEDS:
        shared = [run for run in own if run.seed in {control.seed for control in controls}]
        first = (shared or own)[0]
        own, controls = [first], [next((c for c in controls if c.seed == first.seed), controls[0])]
    compare = balanced_sizes if name == "H3" else directed_training
    return compare(own, controls, dataset, per)


def _none_asked(name: str, runs: Sequence[Run], setting: str) -> Finding:
    what = "balanced sizes" if name == "H3" else "some sizes only"
    return Finding(
        name, tuple(runs), "not enough data",
        f"Not enough data: none of these runs was trained on {what}; train one with --set {setting}, and its control "
        f"with --set {setting} --set control=true.",
    )  # fmt: skip


def _unknown(name: str, run: Run) -> Finding:
    return Finding(
        name, (run,), "not enough data", f"Not enough data: it is not known which molecules {run.name} was trained on."
    )
