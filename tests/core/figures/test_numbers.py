from core.figures.numbers import (
    duration,
    formula,
    in_sentence,
    number,
    percent,
    quantity,
    short_count,
    shown_unit,
    significant,
    squared,
    unit_text,
)


def test_numbers_have_a_true_minus_and_thousands() -> None:
    assert number(-11174.6818, 3) == "−11,174.682"
    assert number(16882) == "16,882"
    assert number(0.3, 1, sign=True) == "+0.3"
    assert number(-0.04, 1) == "0.0"
    assert number(None) == number(float("nan")) == "—"


def test_labels_within_a_sentence_keep_acronyms() -> None:
    labels = ("Total energy", "HOMO-LUMO gap", "U0", "Internal energy at 0 K, U0", "")
    told = ["total energy", "HOMO-LUMO gap", "U0", "internal energy at 0 K, U0", ""]
    assert [in_sentence(label) for label in labels] == told


def test_significant_digits_follow_the_magnitude() -> None:
    assert [significant(v) for v in (0.012345, 1.2345, 12.345, 123.45, 12345.0)] == [
        "0.0123",
        "1.23",
        "12.3",
        "123",
        "12,345",
    ]
    assert significant(-0.5, 2, sign=True) == "−0.50"
    assert significant(0.0) == "0"


def test_energies_below_one_electron_volt_are_written_in_mev() -> None:
    assert quantity(0.0184, "eV") == ("18.4", "meV")
    assert quantity(-0.968, "eV", sign=True) == ("−968", "meV")
    assert quantity(1.5, "eV") == ("1.50", "eV")
    assert quantity(0.5, "D") == ("0.500", "D")
    assert shown_unit("eV", None) == (1.0, "eV")


def test_shares_are_never_rounded_to_none_or_all() -> None:
    assert percent(0.854) == "85 %"
    assert percent(36 / 16882, 1) == "0.2 %"
    assert percent(1e-5) == "< 1 %"
    assert percent(16880 / 16882) == "> 99 %"
    assert (percent(0.0), percent(1.0)) == ("0 %", "100 %")


def test_counts_get_short() -> None:
    assert [short_count(n) for n in (7, 999, 1000, 1153, 15215, 110000, 2_400_000)] == [
        "7", "999", "1k", "1.2k", "15k", "110k", "2.4M",
    ]  # fmt: skip


def test_time_spans_by_their_size() -> None:
    assert [duration(s) for s in (8, 240, 6480, 7200, 183_600)] == ["8 s", "4 min", "1 h 48 min", "2 h", "2 d 3 h"]
    assert duration(None) == "—"


def test_units_and_formulas_as_people_write_them() -> None:
    assert (unit_text("a0^3"), unit_text("eV"), squared("eV"), squared("")) == ("a₀³", "eV", "eV²", "")
    assert formula("C5H9NO") == "C₅H₉NO"
