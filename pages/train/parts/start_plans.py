"""The runs that one click starts: several seeds, or one run for every rate; and the commands that do the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from core.data.store import Dataset
from core.errors import MollensError
from core.recipes.create import command
from core.recipes.preview import BY_RATE
from core.recipes.recipe import Recipe
from core.recipes.search import rate_search, rates_of
from core.recipes.ways_out import refused_rates
from pages.train.parts.form_address import kept_switch, kept_text
from pages.train.parts.recipe_fields import written
from pages.train.parts.recipe_state import Base, Draft

_SEARCHES = ("thesis-rate-search", "thesis-rate-search-frequency")
_USUAL = "0-10"
LAST_SEED = 2**31 - 1


@dataclass(frozen=True)
class Plan:
    """One run."""

    recipe: Recipe
    name: str | None
    """None: the name that a run takes by itself"""


@dataclass(frozen=True)
class Search:
    """A search for the rate of weights, as it is asked for."""

    text: str = ""
    """the rates as they were typed; empty without a search"""
    rates: tuple[float, ...] = ()
    fault: str = ""
    """why it cannot be started"""
    refused: bool = False
    """because some of the rates give some molecules no weight"""


def ask_search(recipe: Recipe, dataset: Dataset) -> Search:
    """Offer one run for every rate, where the weights have one."""
    if recipe.weighting not in BY_RATE or recipe.model == "composition":
        return Search()
    left, right = st.columns([1, 1.2], vertical_alignment="center", gap="small")
    on = left.toggle(
        "One run per rate",
        help="A search for the rate: ordinary runs, equal in everything else, one after the other",
        **kept_switch("search", recipe.preset in _SEARCHES),
    )
    if not on:
        return Search()
    wanted = right.text_input(
        "Rates", max_chars=100, label_visibility="collapsed", help="As 0-10 or 0,0.5,1-3", **kept_text("rates", _USUAL)
    )
    try:
        rates = tuple(rates_of(wanted))
        rate_search(recipe, rates)
        refused = refused_rates(recipe, dataset, rates)
    except MollensError as error:
        return Search(wanted, fault=str(error))
    if refused:
        named = ", ".join(f"{rate:g}" for rate in refused)
        return Search(wanted, rates, f"At rate {named} some molecules have no weight", refused=True)
    return Search(wanted, rates)


def ask_control(recipe: Recipe) -> bool:
    """Offer the control of a choice of molecules beside it: the same count and steps, drawn by lot from all sizes."""
    if recipe.control or not (recipe.min_atoms or recipe.max_atoms or recipe.most_per_size):
        return False
    return st.toggle(
        "Its control too",
        help="A second run on as many molecules, drawn by lot from all sizes, with the same steps: what the choice of "
        "molecules does is seen against it",
        **kept_switch("with_control"),
    )


def usual_name(draft: Draft) -> str:
    """The name of a run that is given none; that of a clone says what is changed."""
    if draft.base.run is None:
        return f"{draft.values['preset'] or draft.values['model']} seed {draft.values['seed']}"
    return ", ".join([draft.base.run.name, *(f"{name}={written(draft.values[name])}" for name in draft.changed)])[:80]


def planned(recipe: Recipe, name: str, n_seeds: int, search: Search, draft: Draft, control: bool = False) -> list[Plan]:
    """The runs, those of one seed together; named so that they can be told apart.

    Args:
        control: beside each run the one with as many molecules drawn by lot.
    """
    run = draft.base.run
    base = name or (run.name if run is not None else recipe.preset or recipe.model)
    last = min(recipe.seed + n_seeds - 1, LAST_SEED)
    seeds = [recipe.model_copy(update={"seed": seed}) for seed in range(recipe.seed, last + 1)]
    if search.text:
        found = [each for seed in seeds for each in (rate_search(seed, search.rates) if not search.fault else [])]
        return [Plan(each, f"{base[:60]} rate {each.weight_rate:g} seed {each.seed}") for each in found]
    if control:
        kinds = {"": {}, " control": {"control": True}}
        return [
            Plan(each.model_copy(update=fields), f"{base[:58]}{kind} seed {each.seed}")
            for each in seeds
            for kind, fields in kinds.items()
        ]
    if len(seeds) == 1:
        return [Plan(recipe, name or (usual_name(draft) if run is not None else None))]
    return [Plan(each, f"{base[:66]} seed {each.seed}") for each in seeds]


def commands(
    plans: Sequence[Plan], search: Search, name: str, base: Base, dataset: Dataset, how: Sequence[str]
) -> list[str]:
    """The command lines that start these runs; a search is one for each seed.

    Args:
        how: options of device, engine and further logs.
    """
    known = base.preset
    plans = [replace(plan, recipe=plan.recipe.model_copy(update={"preset": known.preset})) for plan in plans]
    if not search.text:
        return [" ".join([command(plan.recipe, known, dataset.name, plan.name), *how]) for plan in plans]
    name = name or (base.run.name if base.run is not None else "")
    lines = []
    for first in {plan.recipe.seed: plan.recipe for plan in plans}.values():
        recipe = first.model_copy(update={"weight_rate": known.weight_rate})
        words = command(recipe, known, dataset.name, name or None).replace(" core train ", " core search ", 1)
        lines.append(" ".join([words, "--rates", search.text.replace(" ", ""), *how, "--background"]))
    return lines
