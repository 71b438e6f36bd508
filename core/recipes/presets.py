"""The recipes that ship with Mollens, one file each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.errors import MollensError
from core.files import read_json
from core.recipes.recipe import Recipe, validated

FOLDER = Path(__file__).parent / "presets"
DEFAULT_PRESET = "schnet-small"


@dataclass(frozen=True)
class Preset:
    """A named recipe with a title and a sentence for the list it is chosen from."""

    name: str
    title: str
    description: str
    section: str
    recipe: Recipe


@cache
def presets() -> dict[str, Preset]:
    """All presets by name, the default one first.

    Raises:
        MollensError: if a preset's file is damaged or a field of it is out of range.
    """
    found = {}
    for path in sorted(FOLDER.glob("*.json")):
        content = read_json(path, f"preset {path.stem}")
        recipe = validated({**content["fields"], "preset": path.stem}, f"preset {path.stem}")
        found[path.stem] = Preset(path.stem, content["title"], content["description"], content["section"], recipe)
    order = sorted(found, key=lambda name: (name != DEFAULT_PRESET, found[name].section, name))
    return {name: found[name] for name in order}


def preset(name: str) -> Recipe:
    """The recipe of the preset `name`.

    Raises:
        MollensError: if there is none.
    """
    if name not in presets():
        raise MollensError(f"recipe {name!r}: not known; there are {', '.join(presets())}")
    return presets()[name].recipe
