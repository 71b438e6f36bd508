"""What a file offers and how its columns become properties: the words between an importer and the person who imports.

A format with free columns delivers `Raw`: molecules in the names and units of the file. `raw.inspection` makes of it
the `Inspection` that is shown, and `raw.to_molecules` what is kept once a `ColumnMap` says what a column is.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from core.errors import MollensError

Kind = Literal["extensive", "intensive", "other"]
Length = Literal["Angstrom", "Bohr", "nm"]


class Mapped(BaseModel):
    """One column of a file as a property of the dataset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """name of the column in the file"""
    key: str
    """key of the property; one of PROPERTIES or a new one"""
    unit: str = ""
    """unit in the FILE; empty for a pure number"""
    label: str = ""
    """name on axes; of a new key only, by default the key itself"""
    description: str = ""
    house_unit: str = ""
    """unit inside Mollens; of a new key only, by default the one that its kind of quantity has, else `unit`"""
    kind: Kind = "other"
    """of a new key only: extensive values grow with the number of atoms and are predicted as a sum, intensive a mean"""


class ColumnMap(BaseModel):
    """Which columns of a file become which properties; columns that are not named are left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[Mapped, ...] = ()
    lengths: Length = "Angstrom"
    """unit of the coordinates in the file"""


class About(BaseModel):
    """What a person says about a dataset on importing it; empty fields leave what the importer knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str | None = None
    description: str | None = None
    level_of_theory: str | None = None
    citation: str | None = None
    license: str | None = None
    default_target: str | None = None


class SourceColumn(BaseModel):
    """One column of a file, with a guess at what it is."""

    model_config = ConfigDict(frozen=True)

    name: str
    per_atom: bool = False
    shape: tuple[int, ...] = ()
    """shape of one value"""
    example: str = ""
    """a few values as text"""
    stated_unit: str | None = None
    """unit that the file itself states"""
    guess: Mapped | None = None
    reason: str = ""
    """why that guess, or why none, in words"""


class Inspection(BaseModel):
    """What was found in a file before importing it."""

    model_config = ConfigDict(frozen=True)

    format: str
    """key of the importer"""
    title: str
    """name of the format, for people"""
    n_molecules: int | None = None
    """None where counting would mean reading the whole file"""
    columns: tuple[SourceColumn, ...] = ()
    lengths: Length | None = None
    """guess at the unit of the coordinates; None where the format fixes it"""
    needs_mapping: bool = False
    """whether a person must say which column is what, because the file does not"""
    notes: tuple[str, ...] = Field(default=())

    def guessed(self) -> ColumnMap:
        """The mapping that consists of all guesses; of two for one key only the first."""
        chosen: dict[str, Mapped] = {}
        for column in self.columns:
            if column.guess is not None:
                chosen.setdefault(column.guess.key, column.guess)
        return ColumnMap(columns=tuple(chosen.values()), lengths=self.lengths or "Angstrom")


class MappingNeeded(MollensError):
    """A file with free columns, and nobody has said which of them is what."""

    def __init__(self, source: str, inspection: Inspection) -> None:
        names = ", ".join(column.name for column in inspection.columns) or "none"
        super().__init__(
            f"{source}: its columns have no stated meaning ({names}); "
            "say which is which property in which unit, or take the guess that is shown"
        )
        self.inspection = inspection
