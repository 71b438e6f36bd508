"""Tables of Markdown from texts that others wrote."""

from core.judge.reporting.markdown import one_line, table


def test_a_cell_cannot_break_its_table() -> None:
    made = table(("name", "n"), [("a|b\n| c |", 1), ("<script>", None)])
    assert made.splitlines() == [
        "| name | n |",
        "| --- | --- |",
        "| a\\|b \\| c \\| | 1 |",
        "| &lt;script> | None |",
    ]
    assert one_line("  two\n lines ") == "two lines"
