"""A table of another program put onto the molecules of a dataset: guesses, checks, and the values in the house unit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data.predicted.columns import (
    TEST,
    TRAIN,
    VALIDATION,
    Guess,
    column_named,
    examples,
    guess_id,
    guess_split,
    guess_value,
)
from core.data.predicted.fitting import (
    DOUBT,
    KINDS,
    Fit,
    all_fits,
    composition_fit,
    converted,
    own_kind,
    ratio_of,
    shift_per_element,
)
from core.data.predicted.placing import IDS_ARE, Placed, other_rows, place
from core.data.predicted.stated_split import codes_on, find_split
from core.data.predicted.tables import Table, read_table
from core.data.predicted.told import Choices, Inspection, Matched, Report
from core.data.properties import Property
from core.data.splits import Split
from core.data.store import Dataset
from core.data.units import factor, unit_in_name, units_for, usual_spelling
from core.errors import MollensError

Floats = NDArray[np.float64]

SHOWN = 8  # molecules of the preview


def inspect_predictions(path: Path, dataset: Dataset, target: str, choices: Choices | None = None) -> Inspection:
    """Look into a file of predictions; what is wrong stands in `problems`.

    Raises:
        MollensError: for a file that is no table, a target or a choice that does not exist.
    """
    return _Look(read_table(path), dataset, target, choices or Choices()).inspection()


def match_predictions(path: Path, dataset: Dataset, target: str, choices: Choices | None = None) -> Matched:
    """Read the predictions of a file for the molecules of a dataset.

    Raises:
        MollensError: as `inspect_predictions`, or naming the first problem.
    """
    look = _Look(read_table(path), dataset, target, choices or Choices())
    inspection = look.inspection()
    if inspection.problems:
        raise MollensError(f"{path.name}: {inspection.problems[0]}")
    assert look.placed is not None and look.predicted is not None
    return Matched(look.placed.rows, look.predicted, look.split, inspection)


def possible_targets(dataset: Dataset) -> list[Property]:
    """Properties that predictions may be of: one number per molecule."""
    keys = [key for key, values in dataset.molecules.columns.items() if values.ndim == 1]
    return [dataset.property(key) for key in keys]


class _Look:
    """One file, put onto a dataset step by step; a problem may end the rest."""

    def __init__(self, table: Table, dataset: Dataset, target: str, choices: Choices) -> None:
        self.table, self.dataset, self.choices = table, dataset, choices
        if target == "default":
            target = dataset.card.default_target or ""
        possible = {prop.key: prop for prop in possible_targets(dataset)}
        if target not in possible:
            raise MollensError(
                f"dataset {dataset.name}: {target!r} is no property with one number per molecule; it has "
                f"{', '.join(possible) or 'none'}"
            )
        self.prop = possible[target]
        self.report = Report(warnings=list(table.notes))
        self.placed: Placed | None = None
        self.predicted: Floats | None = None
        self.split: Split | None = None
        self.doubted = False
        self._guess_columns()
        self.kind, self.unit = Guess(choices.kind or "target", "as chosen" if choices.kind else "usual"), self._unit()
        self.ids_are = Guess(choices.ids_are or "ids", "as chosen" if choices.ids_are else "usual")
        if self.kind.value not in KINDS:
            raise MollensError(f"kind {self.kind.value!r}: is not known; possible are {', '.join(KINDS)}")

    def inspection(self) -> Inspection:
        """Go through all steps, as far as the problems allow."""
        self._place()
        if self.placed is not None:
            column = None if self.choices.split else self.split_column.value
            self.split = find_split(self.table, column, self.placed, self.dataset, self.choices, self.report)
            if self._settle_unit(self.placed):
                self._convert(self.placed)
        return self._told()

    def _guess_columns(self) -> None:
        c = self.choices
        self.id_column = self._column(c.id_column, "id column") or guess_id(self.table, self.dataset)
        taken = [self.id_column.value, c.split_column]
        chosen = self._column(c.value_column, "value column")
        self.value_column = chosen or guess_value(self.table, self.prop.key, taken)
        if c.split or c.split_column == "":
            self.split_column = Guess(None, "a split of the dataset is named" if c.split else "as chosen")
        else:
            found = self._column(c.split_column, "split column")
            self.split_column = found or guess_split(self.table, [*taken, self.value_column.value])

    def _column(self, name: str | None, what: str) -> Guess | None:
        return None if name is None else Guess(column_named(self.table, name, what), "as chosen")

    def _unit(self) -> Guess:
        """The unit that is chosen or needs none; what the numbers say comes later."""
        if self.choices.unit:
            factor(self.choices.unit, self.prop.unit)
            return Guess(usual_spelling(self.choices.unit, self.prop.unit), "as chosen")
        return Guess(None, "not found out yet") if self.prop.unit else Guess("", "a pure number")

    def _place(self) -> None:
        names = self.table.frame.columns
        there = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        for guess, option in ((self.id_column, "--id-column"), (self.value_column, "--value-column")):
            if guess.value is None:
                self.report.problems.append(f"{guess.reason}; name it ({option}); the file has {there}")
        if self.id_column.value is not None and self.value_column.value is not None:
            columns = (self.id_column.value, self.value_column.value)
            self.placed = place(
                self.table, columns, str(self.ids_are.value), self.dataset, self.prop, self.choices, self.report
            )

    def _settle_unit(self, placed: Placed) -> bool:
        """Find out the unit where it is not said, and doubt unit, kind and ids where the labels speak against them."""
        fits = all_fits(self.dataset, self.prop, placed.rows, placed.values)
        kind = own_kind(self.prop, str(self.kind.value))
        of_kind = [fit for fit in fits if fit.kind == kind]
        if self._other_molecules(placed, fits):
            return False
        if self.unit.value is None:
            self.unit = self._guess_unit(of_kind)
        if self.unit.value is None:
            if of_kind and of_kind[0].error > DOUBT * fits[0].error:
                amount = self._amount(fits[0].error)
                words = f"the values are no {self.prop.key}; as {_words(fits[0])} the median error is {amount}"
                self.unit = Guess(None, words)
            self.report.problems.append(
                f"the unit of column {self.value_column.value!r} is not known: {self.unit.reason}; say what the values "
                f"are (--unit, --kind); units are {', '.join(units_for(self.prop.unit)) or self.prop.unit}"
            )
            return False
        mine = next((fit for fit in of_kind if fit.unit == self.unit.value), None)
        if mine is not None and mine.error > max(DOUBT * fits[0].error, 1e-9):
            doubt = self._doubt(mine, fits[0], placed)
            self.doubted = True
            if self.choices.anyway:
                self.report.warnings.append(doubt)
            else:
                self.report.problems.append(f"{doubt}; say what they are (--unit, --kind), or insist (--anyway)")
        return True

    def _other_molecules(self, placed: Placed, fits: list[Fit]) -> bool:
        """Whether the values fit other molecules much better: ids that are rows, or counted from 0."""
        if self.choices.ids_are is not None or not fits or self.kind.value == "error":
            return False
        others = other_rows(self.table, placed, str(self.id_column.value), str(self.ids_are.value), self.dataset)
        for other, (rows, which) in others.items():
            found = all_fits(self.dataset, self.prop, rows, placed.values[which])
            if found and DOUBT * found[0].error < fits[0].error:
                self.report.problems.append(
                    f"the values fit other molecules: taken as {IDS_ARE[other]}, the median error is "
                    f"{self._amount(found[0].error)}, as {IDS_ARE[str(self.ids_are.value)]} "
                    f"{self._amount(fits[0].error)}; say what the ids are (--ids-are {other})"
                )
                return True
        return False

    def _guess_unit(self, of_kind: list[Fit]) -> Guess:
        named = unit_in_name(str(self.value_column.value))[1]
        if named is not None:
            try:
                return Guess(usual_spelling(named, self.prop.unit), f"{named} stands in the name of the column")
            except MollensError:
                pass
        if not of_kind:
            return Guess(None, "nothing tells it")
        best = of_kind[0]
        if len(of_kind) == 1 or of_kind[1].error > 2 * best.error:
            return Guess(best.unit, f"so the values fit the labels best: median error {self._amount(best.error)}")
        return Guess(
            None,
            f"{best.unit} ({self._amount(best.error)}) and {of_kind[1].unit} ({self._amount(of_kind[1].error)}) fit "
            "the labels about as well",
        )

    def _doubt(self, mine: Fit, best: Fit, placed: Placed) -> str:
        """Why unit or kind are doubted, with what would fit."""
        told = f"as {_words(mine)} the median error is {self._amount(mine.error)}"
        ratio = ratio_of(self.dataset, self.prop, placed.rows, placed.values * factor(mine.unit, self.prop.unit))
        if best.kind == mine.kind == "target" and ratio is not None:
            told += f" (labels are {ratio:.6g} times these)"
        elif {best.kind, mine.kind} & {"total", "atomisation"}:
            told += ", and they are off by a constant for each composition, that of the free atoms"
        return f"the values do not fit the labels: {told}; as {_words(best)} it would be {self._amount(best.error)}"

    def _amount(self, value: float) -> str:
        return f"{value:.3g} {self.prop.unit}".rstrip()

    def _convert(self, placed: Placed) -> None:
        kind = own_kind(self.prop, str(self.kind.value))
        fit = self._fit_on_training() if kind == "residual" else None
        if kind == "residual" and fit is None:
            self.report.problems.append(
                "residuals are added to a linear fit of the atom counts of the training molecules, and it is not known "
                "which these are; name the split (--split or --split-column)"
            )
            return
        unit = str(self.unit.value)
        found = converted(self.dataset, self.prop, placed.rows, placed.values, unit, kind, fit)
        if found is None:
            self.report.problems.append(
                f"{KINDS[kind]} become {self.prop.key} by the energies of the free atoms, which the card of dataset "
                f"{self.dataset.name} does not hold; convert them before"
            )
            return
        self.predicted = found
        shift = shift_per_element(self.dataset, self.prop, placed.rows, found)
        if shift is not None and not self.report.problems:
            named = zip(self.dataset.molecules.symbols, shift[0], strict=True)
            constants = ", ".join(f"{symbol} {value:+.4g}" for symbol, value in named)
            self.report.warnings.append(
                f"most of the errors are a constant for each element ({constants} {self.prop.unit}); without it the "
                f"median error is {self._amount(shift[1])}: do the predictions have another reference energy?"
            )

    def _fit_on_training(self) -> Floats | None:
        """The linear fit of the atom counts on the training molecules with a label."""
        if self.split is None:
            return None
        rows = self.dataset.molecules.rows_of(self.split.train)
        labels = np.asarray(self.dataset.molecules.columns[self.prop.key])[rows]
        known = np.isfinite(labels)
        return composition_fit(self.dataset, rows[known], labels[known], self.prop)

    def _told(self) -> Inspection:
        none = np.zeros(0, dtype=np.int64)
        placed = self.placed or Placed(none, np.zeros(0), none)
        ids = self.dataset.molecules.ids[placed.rows]
        labels = np.asarray(self.dataset.molecules.columns[self.prop.key])[placed.rows]
        codes = codes_on(self.split, ids)
        names = {TRAIN: "train", VALIDATION: "validation", TEST: "test"}
        parts = {part: int(((codes == code) & np.isfinite(labels)).sum()) for code, part in names.items()}
        first = tuple(
            {
                "id": int(ids[k]),
                "value": float(placed.values[k]),
                "predicted": None if self.predicted is None else float(self.predicted[k]),
                "label": float(labels[k]) if np.isfinite(labels[k]) else None,
                "part": names.get(int(codes[k]), ""),
            }
            for k in range(min(SHOWN, len(ids)))
        )
        return Inspection(
            format=self.table.format,
            columns=examples(self.table),
            n_rows=len(self.table.frame),
            id_column=self.id_column,
            value_column=self.value_column,
            split_column=self.split_column,
            unit=self.unit,
            kind=self.kind,
            ids_are=self.ids_are,
            n_matched=len(ids),
            n_unknown=placed.n_unknown,
            n_missing=placed.n_missing,
            n_without_label=placed.n_without_label,
            parts=parts if self.split is not None else {},
            errors=_errors(self.predicted, labels),
            first=first,
            doubted=self.doubted,
            problems=tuple(self.report.problems),
            warnings=tuple(dict.fromkeys(self.report.warnings)),
        )


def _errors(predicted: Floats | None, labels: Floats) -> dict[str, float]:
    """Median, 95th percentile and largest absolute error, and bias; empty where nothing can be compared."""
    error = np.zeros(0) if predicted is None else predicted - labels
    error = error[np.isfinite(error)]
    if not len(error):
        return {}
    size = np.abs(error)
    middle, p95, largest = np.median(size), np.quantile(size, 0.95), size.max()
    return {"median": float(middle), "p95": float(p95), "largest": float(largest), "bias": float(error.mean())}


def _words(fit: Fit) -> str:
    """Unit and kind of a fit as a sentence has them."""
    what = "" if fit.kind == "target" else f" and {KINDS[fit.kind]}"
    return f"{fit.unit or 'pure numbers'}{what}"
