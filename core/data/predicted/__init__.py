"""Predictions that another program has made: a table of ids and values, put onto the molecules of a dataset."""

from core.data.predicted.columns import Guess
from core.data.predicted.fitting import KINDS, kinds_for
from core.data.predicted.matching import inspect_predictions, match_predictions, possible_targets
from core.data.predicted.placing import IDS_ARE
from core.data.predicted.sources import list_tables
from core.data.predicted.told import MOST_UNKNOWN, Choices, Inspection, Matched

__all__ = [
    "IDS_ARE",
    "KINDS",
    "MOST_UNKNOWN",
    "Choices",
    "Guess",
    "Inspection",
    "Matched",
    "inspect_predictions",
    "kinds_for",
    "list_tables",
    "match_predictions",
    "possible_targets",
]
