from __future__ import annotations

import numpy as np
import polars as pl

from core.figures.error_axes import View
from core.figures.sentences import (
    Told,
    convergence_sentence,
    element_sentence,
    rarity_sentence,
    size_sentence,
)
from core.judge.convergence import Convergence, judge_curve

VIEW = View("mae", 1000.0, "meV", dark=False)


def row(group: str, n: int, value: float, low: float | None, high: float | None, share: float = 0.1) -> dict:
    return {
        "group": group, "label": group, "element": group, "n_held_out": n, "share": share, "mae": value, "mae_low": low,
        "mae_high": high,
    }  # fmt: skip


ALL = row("all", 1000, 0.010, 0.0098, 0.0102)
COMMON = row("common", 950, 0.010, 0.0095, 0.0105)


def told(*rows: dict, mark: str = "", state: str = "converged") -> Told:
    return Told(mark, pl.DataFrame(rows), ALL, state)


def test_rare_sizes_worse_only_if_intervals_do_not_touch() -> None:
    worse = rarity_sentence([told(COMMON, row("rare", 50, 0.02, 0.015, 0.03))], VIEW)
    assert worse.startswith(
        "Rare sizes (n = 50) are predicted worse than common ones (n = 950): 20.0 (15.0 to 30.0) against "
    )
    assert "Size itself may be the reason" in worse
    overlap = rarity_sentence([told(COMMON, row("rare", 50, 0.012, 0.0101, 0.03))], VIEW)
    assert overlap.startswith("Undecided whether rare sizes (n = 50) differ from common ones (n = 950)")
    assert "12.0 (10.1 to 30.0) against 10.0 (9.50 to 10.5) meV" in overlap and "worse" not in overlap


def test_not_enough_rare_molecules() -> None:
    text = rarity_sentence([told(COMMON, row("rare", 9, 0.02, None, None))], VIEW)
    assert text.startswith("Not enough data: 9 held-out molecules")
    assert rarity_sentence([told(COMMON)], VIEW) == "All sizes have at least 1 % of the molecules: none is rare."
    few_common = rarity_sentence([told(row("common", 9, 0.01, None, None), row("rare", 50, 0.02, 0.015, 0.03))], VIEW)
    assert few_common.startswith("Not enough data: 9 held-out molecules have a common size")


def test_models_with_different_answers_are_told_apart() -> None:
    rare = row("rare", 50, 0.02, 0.015, 0.03), row("rare", 50, 0.012, 0.0101, 0.03)
    text = rarity_sentence([told(COMMON, rare[0], mark="A"), told(COMMON, rare[1], mark="B")], VIEW)
    assert "worse than common ones (n = 950): A 20.0 (15.0 to 30.0) against 10.0 (9.50 to 10.5) meV." in text
    assert "the intervals overlap: B 12.0 (10.1 to 30.0) against 10.0 (9.50 to 10.5) meV." in text


def test_verdicts_on_unconverged_runs_are_provisional() -> None:
    rows = COMMON, row("rare", 50, 0.02, 0.015, 0.03)
    text = rarity_sentence([told(*rows, mark="A", state="still falling"), told(*rows, mark="B")], VIEW)
    assert "A 20.0 (15.0 to 30.0) against 10.0 (9.50 to 10.5) meV (provisional: still falling) and B 20.0" in text
    assert text.count("provisional") == 1
    sizes = pl.DataFrame([row("10", 20, 0.03, 0.02, 0.04), row("18", 90, 0.01, 0.009, 0.011)])
    assert "n = 90) (provisional: rising)." in size_sentence(sizes, VIEW, "rising")


def test_sizes_whose_intervals_overlap_are_undecided() -> None:
    sizes = pl.DataFrame([row("10", 20, 0.03, 0.008, 0.04), row("18", 90, 0.01, 0.009, 0.011)])
    assert size_sentence(sizes, VIEW).startswith("Undecided whether sizes differ. Largest at 10 atoms, 30.0 meV")


def test_sizes_picked_out_of_many_need_wider_intervals() -> None:
    ends = [row("10", 90, 0.03, 0.021, 0.04), row("18", 90, 0.01, 0.005, 0.0195)]
    between = [row(str(size), 90, 0.02, 0.01, 0.03) for size in range(11, 18)]
    assert size_sentence(pl.DataFrame(ends), VIEW).startswith("Undecided")  # their intervals are apart one by one
    clear = [row("10", 90, 0.03, 0.022, 0.04), row("18", 90, 0.01, 0.008, 0.0175)]
    assert size_sentence(pl.DataFrame(clear), VIEW).startswith("Sizes differ: largest at 10 atoms")
    assert size_sentence(pl.DataFrame([*clear, *between]), VIEW).startswith("Undecided whether sizes differ.")


def test_elements() -> None:
    table = (
        row("F", 3, 0.5, None, None, 0.01),
        row("S", 40, 0.03, 0.02, 0.05, 0.05),
        row("N", 500, 0.0101, 0.0097, 0.0104, 0.6),
        row("H", 1000, 0.01, 0.0098, 0.0102, 1.0),
    )
    assert element_sentence([told(*table)], VIEW) == (
        "With S (n = 40) worse than all (n = 1,000): 30.0 (20.0 to 50.0) against 10.0 (9.80 to 10.2) meV. "
        "Undecided against all, in meV: N (n = 500) 10.1 (9.70 to 10.4). "
        "Not enough data for F (n = 3)."
    )


def test_worst_and_best_size() -> None:
    table = pl.DataFrame(
        [row("9", 5, 0.9, None, None), row("10", 20, 0.03, 0.02, 0.04), row("18", 90, 0.01, 0.009, 0.011)]
    )
    assert size_sentence(table, VIEW) == (
        "Sizes differ: largest at 10 atoms, 30.0 meV (20.0 to 40.0, n = 20); least at 18, 10.0 meV (9.00 to 11.0, "
        "n = 90). "
        "1 of 3 sizes have fewer than 10."
    )
    assert "not enough data" in size_sentence(table.head(1), VIEW)


def test_convergence_in_words() -> None:
    falling = convergence_sentence(judge_curve(np.linspace(0.040, 0.020, 50)), "eV")
    assert falling.startswith(
        "Still falling. The mean validation MAE of the last 10 epochs is 4.1 meV (16 %) below that of the 10 before, "
    )
    flat = convergence_sentence(judge_curve(np.full(50, 0.02), learning_rate_share=0.001), "eV")
    assert flat.startswith("Stopped falling.") and "The learning rate had fallen to 0.1 %" in flat
    assert convergence_sentence(judge_curve(np.array([1.0, 2.0])), "eV").startswith("Too short to tell: 2 epochs")
    assert convergence_sentence(Convergence("no epochs"), "eV").startswith("No epochs")
    hidden = Convergence("too short", 8, 3, before=0.5, now=0.46, noise=0.075)
    assert convergence_sentence(hidden, "eV") == (
        "Too short to tell: the scatter of the epochs hides a change of up to 75 meV (15 %)."
    )


def test_signed_errors_are_compared_with_zero() -> None:
    view = View("bias", 1000.0, "meV", dark=False)
    rows = [row("common", 950, 0, None, None), row("rare", 50, 0, None, None)]
    for found, (value, low, high) in zip(rows, ((0.001, 0.0005, 0.0015), (-0.02, -0.03, 0.001)), strict=True):
        found |= {"bias": value, "bias_low": low, "bias_high": high}
    minus = "\N{MINUS SIGN}"
    text = rarity_sentence([told(*rows)], view)
    assert text == f"Rare sizes: {minus}20.0 meV ({minus}30.0 to +1.00, n = 50), undecided on which side of 0."
    element = row("N", 500, 0, None, None, 0.6) | {"bias": 0.003, "bias_low": 0.002, "bias_high": 0.004}
    text = element_sentence([told(element, mark="A")], view)
    assert text == "A N +3.00 meV (+2.00 to +4.00, n = 500), predicted too high."
