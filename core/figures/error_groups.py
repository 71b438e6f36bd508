"""How the groups of a grouping stand in a figure: numbers on an axis, names in rows; and what a reader calls them."""

from __future__ import annotations

from dataclasses import dataclass

from core.data.store import Dataset
from core.figures.error_axes import size_ticks
from core.figures.numbers import MINUS, in_sentence, unit_text
from core.judge.grouping.groupings import Grouping, groupings_of

NAMES = {
    "size": "Size",
    "heavy": "Heavy atoms",
    "element": "Element",
    "functional_group": "Functional group",
    "rings": "Ring count",
    "unsaturation": "Unsaturation",
    "rare": "Rare in training",
    "where": "A filter",
}
"""Groupings as a picker names them; properties have their own names."""
_QUESTIONS = {
    "size": "Are rare sizes predicted worse?",
    "heavy": "Does the number of heavy atoms matter?",
    "element": "Are rare elements predicted worse?",
    "functional_group": "Which functional groups are predicted worst?",
    "rings": "Does the number of rings matter?",
    "unsaturation": "Do rings and multiple bonds matter?",
    "rare": "Are sizes that were rare in training predicted worse?",
    "where": "Is it worse inside the filter than outside?",
}
_AXES = {
    "size": "atoms in the molecule",
    "heavy": "heavy atoms in the molecule",
    "rings": "rings in the molecule",
    "unsaturation": "rings and multiple bonds in the molecule",
}
_ONE = {
    "size": "size",
    "heavy": "number of heavy atoms",
    "element": "element",
    "functional_group": "functional group",
    "rings": "number of rings",
    "unsaturation": "number of rings and multiple bonds",
}
_LONGEST = 26  # letters of a filter in words that stand before a row


@dataclass(frozen=True, eq=False)
class GroupAxis:
    """Where the groups of one grouping stand."""

    by: str
    names: tuple[str, ...]
    """in the order in which a reader expects them"""
    shorts: dict[str, str]
    """name -> what stands at a mark or tick"""
    labels: dict[str, str]
    """name -> the group in words"""
    places: dict[str, float] | None
    """name -> place on a number line; None where the groups are rows"""
    ticks: tuple[tuple[float, str], ...] = ()
    title: str = ""
    """of the number line"""

    @property
    def numeric(self) -> bool:
        """Whether the groups stand on a number line."""
        return self.places is not None


def kind_of(by: str) -> str:
    """The key of `NAMES` for a grouping; "property" for the fifths of one."""
    head = by.partition(":")[0]
    return head if head in NAMES else "property"


def pickable(dataset: Dataset) -> list[str]:
    """Groupings that a reader may choose, in order: of the structure, a filter and rare ones, then properties."""
    known = groupings_of(dataset)
    first = [by for by in NAMES if by in known]
    properties = [p.key for p in dataset.card.properties if p.key in known]
    return [*first, "rare", "where", *properties]


def grouping_name(by: str, dataset: Dataset) -> str:
    """A grouping as a picker names it."""
    return NAMES.get(kind_of(by)) or f"{dataset.property(by).label}, fifths"


def question(by: str, dataset: Dataset) -> str:
    """The question that a figure of this grouping answers."""
    told = _QUESTIONS.get(kind_of(by))
    return told or f"Does the error depend on {in_sentence(dataset.property(by).label)}?"


def one_group(by: str, dataset: Dataset) -> str:
    """What one group is called: "size", "element"."""
    told = _ONE.get(kind_of(by))
    return told or ("group" if kind_of(by) != "property" else f"fifth of {in_sentence(dataset.property(by).label)}")


def group_axis(grouping: Grouping, dataset: Dataset) -> GroupAxis:
    """Where the groups of a grouping stand: by their number where they have one, fifths side by side, else rows."""
    kind, names = kind_of(grouping.by), grouping.names
    labels = dict(zip(names, grouping.labels, strict=True))
    labels = {name: label.removeprefix("molecules ") for name, label in labels.items()}
    if kind == "property":
        shorts = {name: name.replace("-", MINUS) for name in names}
        places = {name: float(k) for k, name in enumerate(names)}
        unit = unit_text(dataset.property(grouping.by).unit)
        title = dataset.property(grouping.by).label + (f", {unit}" if unit else "")
        return GroupAxis(
            grouping.by, names, shorts, labels, places, tuple((places[n], shorts[n]) for n in names),
            f"{title}: fifths of the dataset",
        )  # fmt: skip
    shorts = {name: name for name in names}
    if kind == "rare":
        shorts = {name: f"{name} sizes" for name in names}
    if kind == "where":
        shorts = {name: labels[name] if len(labels[name]) <= _LONGEST else name for name in names}
    if kind in _AXES and grouping.spans is not None:
        lows = [low for low, _ in grouping.spans]
        ticks = tuple((float(n), str(n)) for n in size_ticks(lows)) if lows else ()
        places = {name: float(low) for name, low in zip(names, lows, strict=True)}
        return GroupAxis(grouping.by, names, shorts, labels, places, ticks, _AXES[kind])
    return GroupAxis(grouping.by, names, shorts, labels, None)
