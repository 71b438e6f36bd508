"""The fields of a recipe as a form needs them: which matter, how a value is read and written, their limits in words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from core.recipes.preview import BY_RATE
from core.recipes.recipe import Recipe

_RARE = ("inverse_frequency", "effective_number")
_OF_NETWORKS = ("n_atom_basis", "n_interactions", "n_rbf", "cutoff", "neighbour_cutoff", "reference")


@cache
def schema() -> dict[str, dict[str, Any]]:
    """JSON schema of every field: title, description, group, unit and limits."""
    properties: dict[str, dict[str, Any]] = Recipe.model_json_schema()["properties"]
    return properties


def asked(name: str, values: Mapping[str, Any]) -> bool:
    """Whether a field matters beside the present values of the others."""
    if name == "preset":
        return True
    group = schema()[name].get("group")
    if values["model"] == "composition":  # a linear fit: no network, no steps, no weights
        return name == "seed" or (group in ("Data", "Network", "Sampling") and name not in _OF_NETWORKS)
    if name == "control":
        return bool(values["min_atoms"] or values["max_atoms"] or values["most_per_size"])
    if name == "validate_same_sizes":
        return bool(values["min_atoms"] or values["max_atoms"])
    if group == "Weights":
        return _weights(name, values)
    if name.startswith("plateau") or name == "min_learning_rate":
        return bool(values["schedule"] == "plateau")
    return name != "grid_points" or bool(values["filters"] == "grid")


def _weights(name: str, values: Mapping[str, Any]) -> bool:
    weighting = values["weighting"]
    return {
        "weighting": True,
        "weight_by": weighting in _RARE,
        "weight_rate": weighting in BY_RATE,
        "weight_beta": weighting == "effective_number",
        "normalise_weights": weighting != "none" and values["weights_in"] == "loss",
    }.get(name, weighting != "none")


@cache
def _reader(name: str) -> TypeAdapter[Any]:
    field = Recipe.model_fields[name]
    annotation = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return TypeAdapter(annotation, config=ConfigDict(allow_inf_nan=False))


def read_value(name: str, value: Any) -> Any:
    """The value of one field, from a widget or from a text.

    Raises:
        ValueError: with what is wrong, as a sentence without its field and its full stop.
    """
    if value is None or value == "":
        raise ValueError("nothing stands here; it must be " + _wanted(name))
    try:
        return _reader(name).validate_python(value)
    except ValidationError as error:
        raise ValueError(f"{value} is not {_wanted(name)}") from error


def _wanted(name: str) -> str:
    field = schema()[name]
    if "enum" in field:
        return "one of " + ", ".join(field["enum"])
    kind = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}.get(field["type"], "a text")
    return f"{kind}{' ' + limits(name) if limits(name) else ''}"


def limits(name: str) -> str:
    """The range of a field in words: "from 1 to 1,024", "above 0 and up to 1"; nothing where it has none."""
    field = schema()[name]
    low, high = field.get("minimum"), field.get("maximum")
    above, below = field.get("exclusiveMinimum"), field.get("exclusiveMaximum")
    start = f"from {low:,g}" if low is not None else f"above {above:,g}" if above is not None else ""
    if below is not None:
        return f"{start} and below {below:,g}" if start else f"below {below:,g}"
    if high is None:
        return f"{low:,g} or more" if low is not None else start
    big = f"{high:,}" if isinstance(high, int) else f"{high:,g}"
    if low is not None:
        return f"{start} to {big}"
    return f"{start} and up to {big}" if start else f"up to {big}"


def written(value: Any) -> str:
    """A value as it stands in an address and in `--set`: true, 0.0005, mse."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.12g}" if isinstance(value, float) else str(value)
