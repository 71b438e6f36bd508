from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.data.selection import Selection
from core.figures.error_axes import View
from core.figures.error_groups import group_axis, grouping_name, pickable
from core.figures.error_sentences import distribution_sentence, groups_sentence, inside_sentence
from core.figures.sentences import Told, element_sentence, rarity_sentence
from core.judge.grouping.groupings import Grouping, open_grouping
from tests.core.figures.test_sentences import ALL, VIEW, row, told
from tests.fake_runs import fake_dataset, fake_molecules, qm9_like


def test_groups_stand_by_their_number_fifths_side_by_side_and_names_in_rows(home: object) -> None:
    dataset = fake_dataset("axes", fake_molecules(qm9_like(200)))
    assert pickable(dataset)[:3] == ["size", "heavy", "element"] and pickable(dataset)[-2:] == ["energy", "gap"]
    assert grouping_name("gap", dataset) == "HOMO-LUMO gap, fifths"
    heavy = group_axis(open_grouping(dataset, "heavy"), dataset)
    assert heavy.places is not None and all(heavy.places[name] == float(name) for name in heavy.names)
    gap = group_axis(open_grouping(dataset, "gap"), dataset)
    assert gap.numeric and list((gap.places or {}).values()) == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert gap.title == "HOMO-LUMO gap, eV: fifths of the dataset"
    element = group_axis(open_grouping(dataset, "element"), dataset)
    assert not element.numeric and element.labels["N"] == "with N"
    where = group_axis(open_grouping(dataset, "where:element=F"), dataset)
    assert not where.numeric and set(where.names) == {"inside", "outside"} and where.shorts["inside"] == "with F"


def test_a_filter_in_words_that_is_too_long_is_called_inside(home: object) -> None:
    dataset = fake_dataset("axes", fake_molecules(qm9_like(60)))
    table = np.zeros((2, 60), dtype=bool)
    long = Grouping("where:x", ("inside", "outside"), ("a" * 40, "the others"), table, (Selection(), None))
    assert group_axis(long, dataset).shorts == {"inside": "inside", "outside": "the others"}


def test_the_worst_group_is_certain_only_above_all_others() -> None:
    labels = {"a": "with a", "b": "with b", "c": "with c"}
    few = row("c", 5, 0.9, None, None)
    sure = told(row("a", 50, 0.05, 0.04, 0.06), row("b", 90, 0.01, 0.009, 0.011), few)
    text = groups_sentence([sure], labels, VIEW, "element")
    assert text == "Worst element: with a, 50.0 meV (40.0 to 60.0, n = 50). 1 has fewer than 10 held-out molecules."
    open_ = told(row("a", 50, 0.05, 0.01, 0.06), row("b", 90, 0.01, 0.009, 0.011))
    assert groups_sentence([open_], labels, VIEW, "element").startswith(
        "Undecided which element is worst. Largest error:"
    )
    third = told(row("a", 50, 0.05, 0.04, 0.06), row("b", 90, 0.02, 0.019, 0.021), row("c", 12, 0.01, 0.001, 0.09))
    assert groups_sentence([third], labels, VIEW, "element").startswith("Undecided which element is worst.")
    assert "not enough data" in groups_sentence([told(few)], labels, VIEW, "element")
    twice = groups_sentence([replace(sure, mark="A"), replace(sure, mark="B")], labels, VIEW, "element")
    assert twice.startswith("Worst element: with a: A 50.0 meV (40.0 to 60.0, n = 50); B 50.0 meV")
    maximum = View("max", 1000.0, "meV", dark=False)
    assert "no verdict" in groups_sentence([sure], labels, maximum, "element")


def test_many_models_are_told_by_their_marks() -> None:
    worse = [row("inside", 60, 0.05, 0.04, 0.06), row("outside", 900, 0.01, 0.009, 0.011)]
    same = [row("inside", 60, 0.0101, 0.009, 0.012), row("outside", 900, 0.01, 0.009, 0.011)]
    models = [told(*worse, mark="A"), told(*worse, mark="B", state="rising"), told(*same, mark="C")]
    assert inside_sentence(models, VIEW) == (
        "Inside the filter (n = 60) predicted worse than outside (n = 900): A B (provisional: rising). "
        "Undecided whether inside (n = 60) differs from outside (n = 900), the intervals overlap: C."
    )
    few = told(row("inside", 4, 0.05, None, None), worse[1])
    assert inside_sentence([few], VIEW).startswith("Not enough data: 4 held-out molecules are inside the filter")
    assert "nothing to compare" in inside_sentence([told(worse[0])], VIEW)


def test_elements_of_several_models_briefly() -> None:
    one = told(row("N", 500, 0.02, 0.019, 0.021, 0.6), row("F", 3, 0.5, None, None, 0.01), mark="A")
    other = told(
        row("N", 500, 0.0101, 0.0097, 0.0104, 0.6), row("F", 3, 0.5, None, None, 0.01), mark="B", state="rising"
    )
    assert element_sentence([one, other], VIEW) == (
        "Worse than all molecules: N (n = 500) A. Undecided: N (n = 500) B*. Not enough data: F (n = 3). "
        "\\* provisional: not converged."
    )
    both = [Told(m.mark, m.groups, ALL, "still falling") for m in (one, other)]
    assert element_sentence(both, VIEW).endswith("Provisional: none has converged.")


def test_rare_by_a_count_says_the_count() -> None:
    table = [row("common", 900, 0.01, 0.009, 0.011)]
    assert rarity_sentence([told(*table)], VIEW, 50) == "All sizes have at least 50 training molecules: none is rare."
    rare = row("rare", 4, 0.05, None, None)
    assert "(below 50 training molecules)" in rarity_sentence([told(*table, rare)], VIEW, 50)


def test_half_and_nearly_all_molecules() -> None:
    assert distribution_sentence(["A", "B"], [0.01, 0.02], [0.1, 0.2], VIEW) == (
        "Half of the molecules and 95 % of them are off by less than: A 10.0 and 100 meV; B 20.0 and 200 meV."
    )
