import numpy as np

from core.data.distributions import Bins, Histogram
from core.figures.dataset_distribution import (
    distribution,
    distribution_sentence,
    grouped_distribution,
    grouped_sentence,
    span_text,
)
from core.figures.theme import colours

BINS = Bins(np.array([0.0, 1.0, 2.0, 3.0]), np.zeros(0, dtype=np.int16))
ALL = Histogram(np.array([60, 30, 10]), 0, 2, 5, 0.9, (0.4, 1.3))
SOME = Histogram(np.array([20, 0, 1]), 0, 0, 1, 0.6, (0.3, 0.8))


def traces(fig) -> dict:  # type: ignore[no-untyped-def]
    return {trace.name: trace for trace in fig.data}


def notes(fig) -> list[str]:  # type: ignore[no-untyped-def]
    return [note.text for note in fig.layout.annotations]


def test_bars_are_the_counts_and_what_lies_outside_is_orange() -> None:
    fig = distribution(BINS, ALL, "Gap", "eV", dark=False)
    bars, targets = traces(fig)["shown"], traces(fig)["values"]
    assert list(bars.x) == [-0.5, 0.5, 1.5, 2.5, 3.5] and list(bars.y) == [0, 60, 30, 10, 2]
    c = colours(False)
    assert list(bars.marker.color) == [c.worse, c.count, c.count, c.count, c.worse]
    # Nothing lies below: there is nothing to click. What lies above is a range with an open end.
    assert [list(data) for data in targets.customdata] == [[0, 1], [1, 2], [2, 3], [3, None]]
    assert notes(fig) == ["n = 102 · 5 without a value", "2 above ▸"]
    assert fig.layout.xaxis.title.text == "Gap, eV"


def test_filtered_values_stand_before_all_and_the_chosen_range_is_dark() -> None:
    fig = distribution(BINS, ALL, "Gap", "eV", dark=False, shown=SOME, chosen=(1.0, None))
    assert list(traces(fig)["all"].y) == [0, 60, 30, 10, 2] and list(traces(fig)["shown"].y) == [0, 20, 0, 1, 0]
    c = colours(False)
    assert list(traces(fig)["shown"].marker.color)[1:4] == [c.count, c.count_line, c.count_line]
    shares = distribution(BINS, ALL, "Gap", "eV", dark=False, shown=SOME, scale="share")
    np.testing.assert_allclose(traces(shares)["shown"].y, 100 * np.array([0, 20, 0, 1, 0]) / 21)


def test_ticks_stand_where_their_values_are() -> None:
    fig = distribution(BINS, ALL, "Gap", "eV", dark=False)
    ticks = dict(zip(fig.layout.xaxis.ticktext, fig.layout.xaxis.tickvals, strict=True))
    assert ticks["0.0"] == 0 and ticks["1.5"] == 1.5 and ticks["3.0"] == 3
    log = Bins(np.array([1.0, 10.0, 100.0]), np.zeros(0, dtype=np.int16), log=True)
    fig = distribution(log, Histogram(np.array([1, 1]), 0, 0, 0, 5.0, (1, 9)), "A", "GHz", dark=False)
    ticks = dict(zip(fig.layout.xaxis.ticktext, fig.layout.xaxis.tickvals, strict=True))
    assert ticks["1"] == 0 and ticks["10"] == 1 and ticks["100"] == 2


def test_every_group_has_a_row_that_says_how_many_it_holds() -> None:
    groups = {"N": ALL, "F": Histogram(np.array([0, 12, 0]), 0, 0, 0, 1.5, (1, 2)), "S": SOME}
    groups["P"] = Histogram(np.array([1, 0, 2]), 0, 0, 0, 2.5, (1, 3))
    many = Histogram(np.array([6000, 3000, 1000]), 0, 2, 5, 0.9, (0.4, 1.3))
    fig = grouped_distribution(BINS, groups, many, "Gap", "eV", dark=False)
    assert notes(fig)[:8] == ["N", "n = 102, 2 out", "F", "n = 12", "S", "n = 21", "P", "n = 3"]
    inks = [note.font.color for note in fig.layout.annotations][:8:2]
    assert inks == [colours(False).ink, *[colours(False).worse] * 3]
    drawn = [trace for trace in fig.data if trace.name in ("group", "few")]
    assert [trace.fill for trace in drawn] == ["toself", None, None, None]
    assert list(drawn[3].x) == [0.5, 2.5, 2.5]  # three molecules are three dots
    np.testing.assert_allclose(max(drawn[0].y) - min(drawn[0].y), 0.86)
    assert len(fig.layout.shapes) == 3  # medians of all but the group of three
    assert [list(data) for data in traces(fig)["values"].customdata] == [[0, 1], [1, 2], [2, 3]]


def test_sentences_say_where_the_values_are() -> None:
    assert distribution_sentence(BINS, ALL, "Gap", "eV") == (
        "**Half of the values of gap lie between 0.4000 and 1.300 eV**, with the median at 0.9000 eV. "
        "2 of 102 lie outside 0 to 3 eV. 5 molecules have no value."
    )
    none = Histogram(np.zeros(3, dtype=np.int64), 0, 0, 4, np.nan, (np.nan, np.nan))
    assert distribution_sentence(BINS, none, "HOMO", "eV") == "**No molecule has a value of HOMO.**"


def test_groups_are_told_apart_only_where_their_medians_differ() -> None:
    text = grouped_sentence(
        {"N": ALL, "O": SOME, "F": Histogram(np.array([1, 0, 0]), 0, 0, 0, 9.0, (9, 9))}, "Gap", "eV"
    )
    assert text == (
        "**Lowest gap: O (median 0.6000 eV, n = 21); highest: N (median 0.9000 eV, n = 102).** "
        "1 of 3 groups has fewer than 10 molecules."
    )
    close = Histogram(np.array([60, 30, 10]), 0, 0, 0, 0.95, (0.4, 1.3))
    assert grouped_sentence({"N": ALL, "O": close}, "Gap", "eV").startswith("**The groups hardly differ**")
    assert grouped_sentence({"N": ALL}, "Gap", "eV").endswith("not enough data to compare them.")


def test_ranges_are_written_with_a_true_minus_and_open_ends() -> None:
    assert span_text((-7.1, -7.0), "eV") == "−7.1 to −7 eV"
    assert span_text((None, -11000.0), "eV") == "below −11,000 eV"
    assert span_text((0.025, None), "") == "above 0.025"
