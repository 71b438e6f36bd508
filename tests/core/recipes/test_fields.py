"""The table of fields: complete, and true to the recipe."""

from __future__ import annotations

from core.recipes.fields import field_rows, limits_text
from core.recipes.recipe import Recipe


def test_every_field_has_a_row_with_its_type_default_and_help() -> None:
    rows = {row["name"]: row for row in field_rows()}
    assert list(rows) == list(Recipe.model_fields)
    assert {name: row["default"] for name, row in rows.items()} == Recipe().model_dump()
    kinds = {"string": str, "integer": int, "number": float, "boolean": bool}
    for name, value in Recipe().model_dump().items():
        assert type(value) is kinds[rows[name]["type"]], name
        assert rows[name]["title"] and rows[name]["help"] and rows[name]["group"], name


def test_limits_choices_and_units_are_those_of_the_recipe() -> None:
    rows = {row["name"]: row for row in field_rows()}
    assert (rows["batch_size"]["minimum"], rows["batch_size"]["maximum"]) == (1, 8192)
    assert (rows["cutoff"]["above"], rows["cutoff"]["maximum"], rows["cutoff"]["unit"]) == (0.5, 20, "Å")
    assert rows["weights_in"]["choices"] == ["loss", "sampling"]
    assert limits_text(rows["weight_rate"]) == "0 to 20"
    assert limits_text(rows["seed"]) == "0 to 2,147,483,647"
    assert limits_text(rows["cutoff"]) == "above 0.5 to 20"
    assert limits_text(rows["ema_decay"]) == "0 to below 1"
    assert limits_text(rows["gradient_clip"]) == "0 or more"
    assert limits_text(rows["loss"]) == "mse, mae, huber"
    assert limits_text(rows["split"]) == limits_text(rows["control"]) == ""
