"""The recipe: a complete training configuration. The form on the page and `--set` are made from these fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import MollensError

Model = Literal["composition", "schnet", "painn"]


def _field(default: Any, title: str, description: str, group: str, unit: str = "", **limits: Any) -> Any:
    extra: dict[str, Any] = {"group": group, "unit": unit} if unit else {"group": group}
    return Field(default, title=title, description=description, json_schema_extra=extra, **limits)


class Recipe(BaseModel):
    """Everything that decides what a training does; a change of any field is another experiment."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    preset: str = _field("", "Recipe", "name of the recipe this one started from", "Data")
    target: str = _field(
        "default", "Target", "property that is learned; default takes the one on the dataset's card", "Data"
    )
    split: str = _field("default", "Split", "named division into training, validation and test molecules", "Data")

    model: Model = _field(
        "schnet",
        "Model",
        "composition is a linear fit of the atom counts; schnet and painn are SchNetPack's networks",
        "Network",
    )
    n_atom_basis: int = _field(
        64, "Features", "numbers that describe each atom inside the network", "Network", ge=1, le=1024
    )
    n_interactions: int = _field(
        3, "Interactions", "rounds of messages between neighbouring atoms", "Network", ge=1, le=12
    )
    n_rbf: int = _field(20, "Radial functions", "Gaussians that a distance is expanded in", "Network", ge=2, le=512)
    cutoff: float = _field(
        5.0,
        "Filter cutoff",
        "distance at which the cosine cutoff of the filters reaches zero",
        "Network",
        "Å",
        gt=0.5,
        le=20,
    )
    neighbour_cutoff: float = _field(
        5.0,
        "Neighbour cutoff",
        "atoms closer than this are neighbours; the thesis used 4 with a filter cutoff of 5",
        "Network",
        "Å",
        gt=0.5,
        le=20,
    )
    reference: Literal["composition", "atomic_energies"] = _field(
        "composition",
        "Reference",
        "what is subtracted from the target before the network sees it: a linear fit of the atom counts on the "
        "training molecules, or the card's atomic energies and the mean per atom",
        "Data",
    )

    epochs: int = _field(20, "Epochs", "times that every training molecule is seen", "Training", ge=1, le=100_000)
    batch_size: int = _field(32, "Batch size", "molecules per step", "Training", ge=1, le=8192)
    learning_rate: float = _field(1e-3, "Learning rate", "of AdamW, at its highest", "Training", gt=0, le=1)
    loss: Literal["mse", "mae", "huber"] = _field("mse", "Loss", "what a step makes smaller", "Training")
    seed: int = _field(
        0, "Seed", "first weights and the order of the molecules follow from it", "Training", ge=0, le=2**31 - 1
    )
    schedule: Literal["constant", "cosine", "plateau"] = _field(
        "cosine",
        "Schedule",
        "how the learning rate falls: not at all, as a cosine, or by 0.8 after 25 epochs without gain",
        "More",
    )
    warmup_epochs: float = _field(
        0.0, "Warm-up", "epochs in which the learning rate rises to its value", "More", "epochs", ge=0, le=1000
    )
    weight_decay: float = _field(0.0, "Weight decay", "of AdamW", "More", ge=0, le=1)
    ema_decay: float = _field(
        0.0,
        "Averaging of weights",
        "decay of the exponential average that is validated and kept; 0 is off",
        "More",
        ge=0,
        lt=1,
    )
    gradient_clip: float = _field(0.0, "Gradient clipping", "largest norm of the gradient; 0 is off", "More", ge=0)
    early_stopping_patience: int = _field(
        0,
        "Early stopping",
        "epochs without a lower validation error after which training ends; 0 is off",
        "More",
        "epochs",
        ge=0,
        le=100_000,
    )
    threads: int = _field(0, "Threads", "CPU threads of the training; 0 chooses", "More", ge=0, le=256)

    @model_validator(mode="after")
    def _warmup_fits_into_the_training(self) -> Recipe:
        if self.schedule == "cosine" and self.warmup_epochs > self.epochs and self.model != "composition":
            raise ValueError(f"warmup_epochs is {self.warmup_epochs:g}; it may not exceed epochs ({self.epochs})")
        return self


def validated(values: Mapping[str, Any], what: str = "recipe") -> Recipe:
    """A recipe made of these values.

    Raises:
        MollensError: for an unknown field or one out of its range; it names the field, what was found and expected.
    """
    try:
        return Recipe.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:
            raise MollensError(f"{what}: {first['ctx'].get('error', first['msg'])!s}") from error
        field = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            raise MollensError(
                f"{what}: field {field!r} is not known; fields are {', '.join(Recipe.model_fields)}"
            ) from error
        expected = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
        raise MollensError(f"{what}: {field} is {first['input']!r}; it must be {expected}") from error


def changed(recipe: Recipe, settings: list[str]) -> Recipe:
    """The recipe with `key=value` settings of the command line applied.

    Raises:
        MollensError: for a setting that is no `key=value`, an unknown field or a value out of range.
    """
    values = recipe.model_dump()
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise MollensError(f"--set {setting}: expected key=value, e.g. --set epochs=5")
        values[key.strip()] = value.strip()
    return validated(values, f"recipe {recipe.preset}".rstrip())
