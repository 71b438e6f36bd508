"""The recipes that ship with Mollens, one file each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from core.errors import MollensError
from core.files import read_json
from core.recipes.recipe import Recipe, validated

FOLDER = Path(__file__).parent / "presets"
DEFAULT_PRESET = "schnet-small"
SECTIONS = ("Small", "SchNetPack's own", "From the thesis", "Not in the thesis")
"""In the order in which they are listed; sections of other names follow."""


@dataclass(frozen=True)
class Preset:
    """A named recipe with a title and a sentence for the list it is chosen from."""

    name: str
    title: str
    description: str
    section: str
    recipe: Recipe
    note: str = ""
    """where its values are from and what to compare it with"""


@cache
def presets() -> dict[str, Preset]:
    """All presets by name, section by section, the default one first.

    A file names the fields that differ from those of the preset in `based_on`, or else from the recipe's defaults.

    Raises:
        MollensError: if a preset's file is damaged or a field of it is out of range.
    """
    files = {path.stem: read_json(path, f"preset {path.stem}") for path in sorted(FOLDER.glob("*.json"))}
    found, places = {}, {}
    for name, content in files.items():
        recipe = validated({**_fields(name, files), "preset": name}, f"preset {name}")
        section = content["section"]
        found[name] = Preset(name, content["title"], content["description"], section, recipe, content.get("note", ""))
        order = SECTIONS.index(section) if section in SECTIONS else len(SECTIONS)
        places[name] = (name != DEFAULT_PRESET, order, section, content.get("place", 0), name)
    return {name: found[name] for name in sorted(found, key=places.__getitem__)}


def _fields(name: str, files: dict[str, dict[str, Any]], seen: tuple[str, ...] = ()) -> dict[str, Any]:
    """A preset's fields over those of the one it is based on."""
    base = files[name].get("based_on")
    if base is None:
        return dict(files[name]["fields"])
    if base not in files or base in (name, *seen):
        raise MollensError(f"preset {name}: based_on is {base!r}; it must be another preset, and not in a circle")
    return {**_fields(base, files, (*seen, name)), **files[name]["fields"]}


def preset(name: str) -> Recipe:
    """The recipe of the preset `name`.

    Raises:
        MollensError: if there is none.
    """
    if name not in presets():
        raise MollensError(f"recipe {name!r}: not known; there are {', '.join(presets())}")
    return presets()[name].recipe
