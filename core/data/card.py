"""The dataset card: what a dataset is, where it comes from and what may be said about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.data.properties import PROPERTIES, Output, Property
from core.errors import MollensError
from core.files import read_json


class CardProperty(BaseModel):
    """One property of a dataset, as its card lists it; fields as in `Property`.

    A key of PROPERTIES need not say more than key, label and unit: the rest is filled in from there.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    label: str
    unit: str
    description: str = ""
    extensive: bool = False
    per_atom: bool = False
    shape: tuple[int, ...] = ()
    output: Output | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill_in_what_is_known(cls, content: Any) -> Any:
        known = PROPERTIES.get(content.get("key", "")) if isinstance(content, dict) else None
        if known is None:
            return content
        fields = ("description", "extensive", "per_atom", "shape", "output")
        return {**content, **{name: getattr(known, name) for name in fields}}

    def as_property(self) -> Property:
        """The property itself: that of PROPERTIES where it is one of them, else what the card says."""
        return PROPERTIES.get(self.key) or Property(**self.model_dump())


class Card(BaseModel):
    """What a dataset is; the file card.json beside its arrays."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    title: str
    description: str = ""
    citation: str = ""
    license: str = ""
    level_of_theory: str = "not stated"
    properties: tuple[CardProperty, ...] = ()
    default_target: str | None = None
    atomic_energies: dict[str, dict[str, float]] = Field(default_factory=dict)
    """property key -> element symbol -> energy of the free atom, eV"""
    known_defects: dict[str, Any] = Field(default_factory=dict)
    source: dict[str, Any] = Field(default_factory=dict)
    n_molecules: int = Field(ge=1)
    n_atoms: int = Field(ge=1)
    sha256: str = ""
    """checksum of ids, atoms, coordinates and labels; of an embedded dataset that of its packed file"""

    @model_validator(mode="after")
    def _target_is_listed(self) -> Card:
        if self.default_target is not None and self.default_target not in {p.key for p in self.properties}:
            raise ValueError(f"default_target {self.default_target!r} is not among the properties")
        return self


def read_card(path: Path, what: str) -> Card:
    """Read and validate a card.

    Raises:
        MollensError: if it is missing, damaged or incomplete.
    """
    try:
        return Card.model_validate(read_json(path, what))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "card"
        raise MollensError(f"{what}: {path}: {where}: {first['msg']}; restore the file or import again") from error
