"""The fields of a recipe as a table: what a form, `--help` and other programs need to know about each."""

from __future__ import annotations

from typing import Any

from core.recipes.recipe import Recipe

_LIMITS = {"minimum": "minimum", "maximum": "maximum", "exclusiveMinimum": "above", "exclusiveMaximum": "below"}


def field_rows() -> list[dict[str, Any]]:
    """One row per field, in the order of the recipe.

    Keys: name, title, type (string, integer, number, boolean), default, choices (None without), minimum, maximum, above
    and below (the limits; None without), unit, group, help.
    """
    rows = []
    for name, field in Recipe.model_json_schema()["properties"].items():
        rows.append(
            {
                "name": name,
                "title": field["title"],
                "type": field["type"],
                "default": field["default"],
                "choices": field.get("enum"),
                **{ours: field.get(theirs) for theirs, ours in _LIMITS.items()},
                "unit": field.get("unit", ""),
                "group": field["group"],
                "help": field["description"],
            }
        )
    return rows


def limits_text(row: dict[str, Any]) -> str:
    """What a field of `field_rows` may be, in words: "1 to 1,024", "0 or more", "mse, mae, huber"; nothing if free."""
    if row["choices"]:
        return ", ".join(row["choices"])
    low = f"above {_text(row['above'])}" if row["above"] is not None else _text(row["minimum"])
    high = f"below {_text(row['below'])}" if row["below"] is not None else _text(row["maximum"])
    if low and high:
        return f"{low} to {high}"
    return f"{low} or more" if low and row["above"] is None else low or high


def _text(value: float | None) -> str:
    if value is None:
        return ""
    return f"{int(value):,}" if value == int(value) else f"{value:,g}"
