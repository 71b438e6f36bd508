"""What every part of the Errors page shows: the models, the measure, the groups, and the commands that print it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from shlex import quote

import polars as pl

from core.data.selection import Selection
from core.figures.error_axes import ModelErrors, View
from core.figures.error_groups import GroupAxis, group_axis
from core.figures.numbers import unit_text
from core.figures.sentences import Told
from core.figures.theme import ModelStyle
from core.judge.convergence import convergence
from core.judge.grouping.groupings import Grouping
from core.judge.measures import measure_unit
from core.runs.folder import Run
from pages.common.appearance import plain
from pages.common.judged import Bench
from pages.common.selection import chosen_names, without_own


@dataclass(frozen=True, eq=False)
class Models:
    """The chosen models, and how their errors are shown."""

    bench: Bench
    names: dict[str, str]
    """run id -> name on the page"""
    styles: dict[str, ModelStyle]
    by: str
    """grouping of the main figure"""
    view: View
    factor: float
    """from the unit inside to the one shown, of an error that is no ratio and not squared"""
    unit: str
    """that unit"""
    per: str
    accuracy: float | None
    """1 kcal/mol in eV, where the line may be drawn"""

    @property
    def runs(self) -> list[Run]:
        """The chosen runs."""
        return self.bench.runs

    @property
    def silence(self) -> str:
        """Why nothing may be concluded, in a sentence; empty where something may."""
        if not self.bench.unknown:
            return ""
        return "What some of these models were trained on is not known, so nothing is concluded from their errors."

    @property
    def selection(self) -> Selection:
        """The filters."""
        return self.bench.within

    @property
    def relative(self) -> str | None:
        """What errors are ratios to, as core names it."""
        return "baseline" if self.view.relative else None

    def grouping(self, by: str) -> Grouping:
        """The groups of a name."""
        return self.bench.grouping(by)

    def axis(self, by: str) -> GroupAxis:
        """Where those groups stand in a figure."""
        return group_axis(self.grouping(by), self.bench.dataset)

    def within(self, by: str) -> Selection:
        """The filters that a figure by this grouping follows: not those that its own groups set."""
        return without_own(self.selection, self.grouping(by))

    def chosen(self, by: str) -> frozenset[str]:
        """Groups that the filters are set to."""
        return chosen_names(self.selection, self.grouping(by))

    def tables(self, by: str, within: Selection | None = None, runs: Sequence[Run] | None = None) -> list[pl.DataFrame]:
        """Errors by group of every run or of some, in their order; within the filters that the figure follows."""
        return self.bench.tables(by, self.per, self.within(by) if within is None else within, self.relative, runs)

    def of(self, by: str) -> list[ModelErrors]:
        """The models with their tables by one grouping."""
        wholes = self.bench.tables("all", self.per, self.within(by), self.relative)
        return [
            ModelErrors(self.names[run.id], self.styles[run.id], table, whole[self.view.measure][0])
            for run, table, whole in zip(self.runs, self.tables(by), wholes, strict=True)
        ]

    def told(self, by: str, within: Selection | None = None) -> list[Told]:
        """The models as sentences take them."""
        inside = self.within(by) if within is None else within
        wholes = self.bench.tables("all", self.per, inside, self.relative)
        several = len(self.runs) > 1
        return [
            Told(self.mark(run) if several else "", table, whole.row(0, named=True), convergence(run).state)
            for run, table, whole in zip(self.runs, self.tables(by, inside), wholes, strict=True)
        ]

    def joined(self, by: str) -> pl.DataFrame:
        """The tables of all models under each other, with the run in front; in the unit inside."""
        return pl.concat(
            table.select(pl.lit(run.id).alias("run"), pl.lit(run.name).alias("name"), pl.all())
            for run, table in zip(self.runs, self.tables(by), strict=True)
        )

    def mark(self, run: Run) -> str:
        """Its symbol in its colour, as Markdown."""
        style = self.styles[run.id]
        return f":{style.markdown}[{style.glyph}]"

    def marked(self, run: Run) -> str:
        """Symbol in its colour, and name, as Markdown."""
        return f"{self.mark(run)} {plain(self.names[run.id])}"

    def plain_view(self, measure: str) -> View:
        """The view of another measure as it is, no ratio, in the same scale."""
        if measure == "mse":
            unit = unit_text(measure_unit(self.bench.held_out(self.runs[0]).target.unit, "mse", self.per))
            return replace(self.view, measure=measure, factor=1.0, unit=unit, relative=False)
        return replace(self.view, measure=measure, factor=self.factor, unit=self.unit, relative=False)

    def part(self) -> str:
        """ "test", or "**validation**" where there is no test part."""
        return "test" if self.bench.part == "test" else "**validation**"

    def options(self, within: Selection | None = None) -> str:
        """The options of a command that narrow it to what the page shows."""
        chosen = self.selection if within is None else within
        words = [f"--where {quote(word)}" for word in chosen.where()]
        words += [f"--per {self.per}"] if self.per != "molecule" else []
        words += [f"--part {self.bench.part}"] if self.bench.part != "test" else []
        return "".join(f" {word}" for word in words)

    def command(self, run: Run, by: str, within: Selection | None = None) -> str:
        """The command that prints the table of one run, on the molecules and in the way of the page."""
        others = "" if self.bench.same_split else "".join(f" --with {r.id}" for r in self.runs if r is not run)
        others += f" --dataset {self.bench.dataset.name}" if run.dataset_name != self.bench.dataset.name else ""
        relative = f" --relative {self.relative}" if self.relative else ""
        inside = self.within(by) if within is None else within
        return (
            f"python -m core report {run.id} --by {quote(by)} --measure {self.view.measure}{relative}"
            f"{self.options(inside)}{others} --json"
        )

    def commands(self, by: str) -> str:
        """The commands that print the tables of all models."""
        return "\n".join(self.command(run, by) for run in self.runs)
