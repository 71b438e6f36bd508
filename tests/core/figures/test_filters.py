from __future__ import annotations

from core.data.selection import Selection, Span
from core.figures.filters import chips, selection_text
from tests.fake_runs import fake_dataset, fake_molecules


def test_many_ids_are_one_chip_that_goes_away_as_a_whole(home: object) -> None:
    dataset = fake_dataset("small", fake_molecules([[8, 1, 1]] * 12))
    spans = (Span(1001, 1002), *(Span(k, k) for k in (1004, 1006, 1008, 1012)), Span(2000, 3000))
    many = Selection(size=(Span(3, 3),), id=spans)
    size, ids = chips(many, dataset)
    assert (size.text, ids.text) == ("3 atoms", "6 molecules by id")  # of those that the dataset has
    assert many.drop(ids.kind, ids.part) == Selection(size=(Span(3, 3),))
    few = Selection(id=spans[:3])
    assert selection_text(few, dataset) == "id 1001 to 1002 · id 1004 · id 1006"
    assert few.drop("id", Span(1004, 1004)) == Selection(id=(spans[0], spans[2]))
