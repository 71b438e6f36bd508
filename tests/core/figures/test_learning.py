from __future__ import annotations

import numpy as np
import pytest

from core.figures.learning import learning_figure, middle_cut
from core.figures.theme import model_style
from core.judge.learning import LearningCurve

STYLES = [model_style(k, False) for k in range(3)]


def curve(values: list[list[float]], seconds_per_epoch: float = 60.0) -> LearningCurve:
    table = np.array(values)
    epochs = np.arange(1, table.shape[1] + 1)
    return LearningCurve(
        runs=tuple(object() for _ in values), epochs=epochs, mean=table.mean(axis=0), low=table.min(axis=0),
        high=table.max(axis=0), steps=epochs * 10.0, seconds=epochs * seconds_per_epoch, states=(), values=table,
    )  # type: ignore[arg-type]  # fmt: skip


CURVES = [curve([[0.4, 0.2, 0.1], [0.6, 0.2, 0.2]]), curve([[0.5, 0.45, 0.4, 0.35, 0.3, 0.3, 0.3, 0.3]])]


def draw(log: bool = True, against: str = "epoch", accuracy: float | None = 0.0434, **more: object):  # type: ignore[no-untyped-def]
    names = ["<i>first</i>", "second"]
    return learning_figure(CURVES, names, STYLES[:2], 1000.0, "meV", False, log, against, accuracy, **more)  # type: ignore[arg-type]


def test_lines_bands_and_ends() -> None:
    fig = draw()
    lines = {trace.name: trace for trace in fig.data}
    assert np.allclose(lines["<i>first</i>"].y, [500, 200, 150]) and list(lines["<i>first</i>"].x) == [1, 2, 3]
    band = lines["<i>first</i>, range"]
    assert np.allclose(band.y, [600, 200, 200, 100, 200, 400])
    assert "second, range" not in lines  # one seed has no range
    assert lines["second, end"].marker.symbol == STYLES[1].symbol and list(lines["second, end"].x) == [8]
    assert fig.layout.yaxis.type == "log"
    texts = [note.text for note in fig.layout.annotations]
    assert "<b>&lt;i&gt;first&lt;/i&gt;</b>" in texts and "<b>second</b>" in texts
    assert "2 seeds: 100 to 200" in lines["<i>first</i>"].text[2]


def test_names_of_early_ends_stand_at_them_and_all_others_at_the_edge() -> None:
    notes = {note.text: note for note in draw().layout.annotations}
    assert notes["<b>second</b>"].xref == "paper" and notes["<b>second</b>"].x == 1
    early = notes["<b>&lt;i&gt;first&lt;/i&gt;</b>"]
    assert early.xref == "x" and early.x == 3 and early.y == pytest.approx(np.log10(150))


def test_against_time() -> None:
    fig = draw(against="time")
    assert fig.layout.xaxis.title.text == "minutes, validation included"
    assert list(fig.data[-2].x) == [1, 2, 3]  # minutes; the first model is drawn last, on top


def test_one_kcal_per_mol_only_where_it_is_on_the_axis() -> None:
    assert not any(note.text == "1 kcal/mol" for note in draw().layout.annotations)
    assert any(note.text == "1 kcal/mol" for note in draw(log=False).layout.annotations)
    assert not any(note.text == "1 kcal/mol" for note in draw(log=False, accuracy=None).layout.annotations)


def test_nothing_to_draw() -> None:
    empty = curve([[]])
    assert len(learning_figure([empty], ["none"], STYLES[:1], 1.0, "eV", True, True).data) == 0


def test_names_are_cut_in_the_middle() -> None:
    assert middle_cut("short") == "short"
    cut = middle_cut("thesis balanced 600 control seed 2", 20)
    assert len(cut) <= 20 and cut.startswith("thesis") and cut.endswith("seed 2")
