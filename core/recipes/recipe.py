"""The recipe: a complete training configuration. The form on the page and `--set` are made from these fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import MollensError

Model = Literal["composition", "schnet", "painn"]
Weighting = Literal["none", "size", "size_frequency", "inverse_frequency", "effective_number"]


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

    min_atoms: int = _field(
        0, "Smallest molecules", "least atoms of a molecule that is trained on; 0 is no limit", "Sampling", "atoms",
        ge=0, le=100_000,
    )  # fmt: skip
    max_atoms: int = _field(
        0, "Largest molecules", "most atoms of a molecule that is trained on; 0 is no limit", "Sampling", "atoms",
        ge=0, le=100_000,
    )  # fmt: skip
    most_per_size: int = _field(
        0,
        "At most per size",
        "molecules of one size that are trained on, drawn by lot where there are more; 0 is no limit; the thesis "
        "balanced its training with 2,000, 4,000 and 6,000",
        "Sampling",
        "molecules",
        ge=0,
        le=100_000_000,
    )
    control: bool = _field(
        False,
        "Control",
        "train on as many molecules as the fields above leave, drawn by lot from all sizes: what the choice of "
        "molecules does is seen against this run, with the same count and the same steps",
        "Sampling",
    )
    validate_same_sizes: bool = _field(
        False,
        "Validate on the same sizes",
        "validation molecules, too, are limited to these sizes, as in the thesis's search for a rate",
        "Sampling",
    )

    weighting: Weighting = _field(
        "none",
        "Weights",
        "which molecules count more: size and size_frequency are the thesis's formulas; inverse_frequency and "
        "effective_number favour what is rare among the training molecules",
        "Weights",
    )
    weight_by: Literal["size", "element"] = _field(
        "size",
        "Rare by",
        "what inverse_frequency and effective_number count: molecules of the same size, or molecules that contain the "
        "rarest element of this one",
        "Weights",
    )
    weight_rate: float = _field(
        0.0,
        "Rate",
        "rate r of the thesis's two formulas, or the exponent of inverse_frequency (1 is in full); 0 weighs all alike",
        "Weights",
        ge=0,
        le=20,
    )
    weight_beta: float = _field(
        0.999,
        "Beta",
        "of the effective number (1 - beta^n) / (1 - beta) of n molecules: 0 weighs all alike, near 1 is as 1 / n",
        "Weights",
        ge=0,
        lt=1,
    )
    weights_in: Literal["loss", "sampling"] = _field(
        "loss",
        "Weights act on",
        "the loss of each molecule, or how often it is drawn: then every epoch draws as many molecules as there are, "
        "with repetition, and the loss has no weights",
        "Weights",
    )
    normalise_weights: bool = _field(
        True,
        "Mean weight 1",
        "divide the weights by their mean over the training molecules; off: as the formula gives them, on whose scale "
        "the loss and gradient clipping then are",
        "Weights",
    )
    least_weight: float = _field(
        0.0,
        "Least weight",
        "0 refuses weights that are undefined, negative or zero; a positive value takes the place of such and of "
        "smaller ones, before the mean is made 1",
        "Weights",
        ge=0,
        le=1e6,
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
        "how the learning rate falls: not at all, as a cosine to zero, or in steps when validation no longer gains",
        "More",
    )
    warmup_epochs: float = _field(
        0.0, "Warm-up", "epochs in which the learning rate rises to its value", "More", "epochs", ge=0, le=1000
    )
    plateau_factor: float = _field(
        0.8, "Plateau: factor", "what a step down leaves of the learning rate", "More", gt=0, lt=1
    )
    plateau_patience: int = _field(
        25,
        "Plateau: patience",
        "epochs without gain that are let pass; the next one lowers the learning rate",
        "More",
        "epochs",
        ge=1,
        le=100_000,
    )
    plateau_threshold: float = _field(
        0.0,
        "Plateau: gain",
        "share of the best validation error by which an epoch must be lower to count as a gain",
        "More",
        ge=0,
        lt=1,
    )
    plateau_cooldown: int = _field(
        0,
        "Plateau: cooldown",
        "epochs after a step down in which missing gain is not counted",
        "More",
        "epochs",
        ge=0,
        le=100_000,
    )
    min_learning_rate: float = _field(
        0.0, "Least learning rate", "where the steps down of a plateau end", "More", ge=0, le=1
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
    filters: Literal["exact", "grid"] = _field(
        "exact",
        "Filters",
        "exact evaluates the filter network at every distance; grid interpolates it between points, which is faster "
        "and changes energies a little",
        "More",
    )
    grid_points: int = _field(
        1024, "Points of the grid", "distances at which the filter network is evaluated", "More", ge=16, le=65_536
    )
    threads: int = _field(0, "Threads", "CPU threads of the training; 0 chooses", "More", ge=0, le=256)

    @property
    def draws_by_weight(self) -> bool:
        """Whether an epoch draws molecules by weight, with repetition, in place of seeing each once."""
        return self.weighting != "none" and self.weights_in == "sampling"

    @model_validator(mode="after")
    def _fields_fit_together(self) -> Recipe:
        if self.schedule == "cosine" and self.warmup_epochs > self.epochs and self.model != "composition":
            raise ValueError(f"warmup_epochs is {self.warmup_epochs:g}; it may not exceed epochs ({self.epochs})")
        if self.schedule == "plateau" and self.min_learning_rate > self.learning_rate:
            raise ValueError(
                f"min_learning_rate is {self.min_learning_rate:g}; it may not exceed learning_rate "
                f"({self.learning_rate:g})"
            )
        if 0 < self.max_atoms < self.min_atoms:
            raise ValueError(f"min_atoms is {self.min_atoms}; it may not exceed max_atoms ({self.max_atoms})")
        if self.control and not (self.min_atoms or self.max_atoms or self.most_per_size):
            raise ValueError(
                "control is on, but min_atoms, max_atoms and most_per_size leave no molecule out; a control has as "
                "many molecules as they leave, so set one of them too"
            )
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
