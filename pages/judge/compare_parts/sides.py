"""A and B: a run, or the seeds of one recipe. What may be picked, what is, and how it stands in the address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from core.data.store import Dataset
from core.figures.theme import ModelStyle, model_style
from core.judge.comparing.recipes_compared import LEAST_SEEDS, by_recipe, seeds_of
from core.judge.comparing.runs_table import common_name
from core.runs.folder import Run
from pages.common.appearance import dark
from pages.common.candidates import display_names
from pages.common.judged import part_of
from pages.common.models import style_of

Runs = tuple[Run, ...]

SEEDS = "seeds:"
"""Before the id of a run in the address: all seeds of its recipe."""
_KEPT = "_compared"
_COLOURED = 4


@dataclass(frozen=True, eq=False)
class Side:
    """What may be A or B."""

    key: str
    """as it stands in the address: the id of a run, or `seeds:` and that of the first seed"""
    runs: Runs
    name: str
    recipe: Runs = ()
    """of a recipe: all its runs, also those whose seed another run stands for"""
    by: str = ""
    """the run that was asked to stand for its seed, where another would have"""

    @property
    def label(self) -> str:
        """The name as a picker shows it."""
        words = f"{self.name} · {len(self.runs)} seeds" if len(self.runs) > 1 else self.name
        return f"{words}, with {self.by}" if self.by else words

    @property
    def first(self) -> Run:
        """The run that stands for it where one is needed."""
        return self.runs[0]


@dataclass(frozen=True, eq=False)
class Pair:
    """A and B as they were picked and as they can be compared."""

    dataset: Dataset
    part: str
    """"test" or "validation" """
    a: Side
    b: Side
    runs_a: Runs
    """what is compared: the seeds of A, or one run of it where B is one run"""
    runs_b: Runs
    style_a: ModelStyle
    style_b: ModelStyle

    @property
    def same(self) -> bool:
        """Whether a run would be compared with itself."""
        return bool({run.id for run in self.runs_a} & {run.id for run in self.runs_b})

    @property
    def reduced(self) -> Side | None:
        """The recipe of which only one seed is compared, because the other side is a single run."""
        for side, runs in ((self.a, self.runs_a), (self.b, self.runs_b)):
            if len(side.runs) > len(runs):
                return side
        return None

    @property
    def names(self) -> tuple[str, str]:
        """Short names of A and B, of what is really compared."""
        sides = ((self.a, self.runs_a), (self.b, self.runs_b))
        a, b = (side.name if len(runs) == len(side.runs) else runs[0].name for side, runs in sides)
        return a, b

    @property
    def styles(self) -> tuple[ModelStyle, ModelStyle]:
        """Colour and symbol of A and B."""
        return self.style_a, self.style_b


def offered(runs: Sequence[Run]) -> dict[str, Side]:
    """All that can be picked, by key: recipes with 3 or more seeds first, then every run, the newest first."""
    names = display_names(list(runs))
    found: dict[str, Side] = {}
    for group in by_recipe(runs):
        seeds = tuple(seeds_of(group[0], group))
        if len(seeds) >= LEAST_SEEDS:
            side = Side(SEEDS + seeds[0].id, seeds, recipe_name(seeds), tuple(group))
            found[side.key] = side
    for run in runs:
        found[run.id] = Side(run.id, (run,), names[run.id])
    return found


def recipe_name(seeds: Sequence[Run]) -> str:
    """What the names of the seeds have in common."""
    return common_name([run.name for run in seeds])


def find_side(sides: dict[str, Side], key: str | None) -> Side | None:
    """The side that an address names: by its key, by the name of a run, or by any run of a recipe.

    Of two runs with one seed the one that is named stands for it; `sides` then gains the recipe with that run.
    """
    if not key:
        return None
    if key in sides:
        return sides[key]
    wanted = key.removeprefix(SEEDS)
    for side in sides.values():
        many = len(side.runs) > 1
        if many == key.startswith(SEEDS) and any(wanted in (run.id, run.name) for run in side.runs):
            return side
    for side in list(sides.values()) if key.startswith(SEEDS) else []:
        for run in side.recipe:
            if wanted in (run.id, run.name):
                seeds = tuple(seeds_of(run, side.recipe))
                found = sides[SEEDS + run.id] = Side(SEEDS + run.id, seeds, side.name, side.recipe, run.name)
                return found
    return find_side(sides, wanted) if wanted != key else None  # too few seeds for a recipe: the run itself


def first_pair(sides: dict[str, Side], dataset: str) -> tuple[str, str]:
    """What is compared before anything is picked.

    What the address or the session names; else two recipes with all their seeds, else two networks of different
    recipes, on one split wherever there are such.
    """
    a, b = (find_side(sides, st.query_params.get(name)) for name in ("a", "b"))
    if a is not None or b is not None:
        a = a or other_side(sides, b or next(iter(sides.values())))
        return a.key, (b or other_side(sides, a)).key
    for wanted in (st.query_params.get("models", "").split(","), st.session_state.get(_kept(dataset)) or ()):
        found = [side for key in wanted if (side := find_side(sides, key)) is not None]
        if len(found) >= 2:
            return found[0].key, found[1].key
    networks = [side for side in sides.values() if side.first.recipe_values.get("model") != "composition"]
    a = (networks or list(sides.values()))[0]
    many = [side for side in networks if len(side.runs) > 1]
    if len(many) > 1:
        a = many[0]
    return a.key, other_side(sides, a).key


def other_side(sides: dict[str, Side], a: Side) -> Side:
    """The side that compares best with `a`: as many seeds, the same split and target, another recipe, no baseline."""

    def closeness(side: Side) -> tuple[bool, ...]:
        one, other = side.first, a.first
        return (
            not {run.id for run in side.runs} & {run.id for run in a.runs},
            one.target == other.target,
            (len(side.runs) > 1) == (len(a.runs) > 1),
            one.recipe_values.get("model") != "composition",
            one.split_hash == other.split_hash,
            not _same_recipe(side, a),
        )

    return max((side for side in sides.values() if side is not a), key=closeness)


def _same_recipe(one: Side, other: Side) -> bool:
    return len(by_recipe([one.first, other.first])) == 1


def keep(dataset: str, a: Side, b: Side) -> None:
    """Put both into the address, and remember them for the session."""
    st.session_state[_kept(dataset)] = (a.key, b.key)
    for name, side in (("a", a), ("b", b)):
        if st.query_params.get(name) != side.key:
            st.query_params[name] = side.key


def set_side(name: str, key: str) -> None:
    """Make something A ("a") or B in the address; what the other side is swaps both."""
    other = "b" if name == "a" else "a"
    if st.query_params.get(other) == key:
        st.query_params[other] = st.query_params.get(name, "")
    st.query_params[name] = key
    st.query_params.pop("group", None)


def _kept(dataset: str) -> str:
    return f"{_KEPT}_{dataset}"


def pair(dataset: Dataset, a: Side, b: Side) -> Pair:
    """A and B as they can be compared: a recipe against a single run is that run against one seed.

    On test molecules, or on validation molecules where a split has no test part.
    """
    runs_a, runs_b = a.runs, b.runs
    if len(runs_a) > 1 and len(runs_b) == 1:
        runs_a = (_seed_for(runs_b[0], runs_a),)
    elif len(runs_b) > 1 and len(runs_a) == 1:
        runs_b = (_seed_for(runs_a[0], runs_b),)
    return Pair(dataset, part_of([*runs_a, *runs_b], dataset.name), a, b, runs_a, runs_b, *_styles(a, b))


def _seed_for(run: Run, seeds: Runs) -> Run:
    """The seed to compare with one run: the same seed where it is there, never that run itself."""
    others = [seed for seed in seeds if seed.id != run.id] or list(seeds)
    return next((seed for seed in others if seed.seed == run.seed), others[0])


def _styles(a: Side, b: Side) -> tuple[ModelStyle, ModelStyle]:
    """Their colours; where more models were looked at than there are colours, free ones for this page."""
    styles = [style_of(side.first.id) for side in (a, b)]
    for place in (0, 1):
        other = styles[1 - place]
        if styles[place].markdown == "gray" or (place and styles[place] == other):
            colours = (model_style(k, dark()) for k in range(_COLOURED))
            styles[place] = next(style for style in colours if style.colour != other.colour)
    return styles[0], styles[1]
