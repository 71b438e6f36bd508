import tomllib
from itertools import pairwise

import pytest

from core.figures.theme import colours, figure, log_ticks, mix, model_style, rgba, scale, spread
from core.files import CHECKOUT


@pytest.mark.parametrize("dark", [False, True])
def test_the_first_four_models_have_a_colour_and_all_have_their_own_symbol(dark: bool) -> None:
    styles = [model_style(place, dark) for place in range(8)]
    assert len({style.colour for style in styles[:4]}) == 4
    assert len({style.symbol for style in styles}) == len({style.glyph for style in styles}) == 8
    assert len({style.colour for style in styles[4:]}) == 1
    assert model_style(8, dark) == styles[4]
    assert colours(dark).worse not in {style.colour for style in styles}


@pytest.mark.parametrize("appearance", ["light", "dark"])
def test_names_of_model_colours_mean_the_same_colour_in_the_theme_file(appearance: str) -> None:
    theme = tomllib.loads((CHECKOUT / ".streamlit" / "config.toml").read_text())["theme"][appearance]
    for place in range(3):
        style = model_style(place, appearance == "dark")
        assert theme[f"{style.markdown}Color"] == theme[f"{style.markdown}TextColor"] == style.colour
    assert theme["backgroundColor"] == colours(appearance == "dark").page


def test_a_figure_shows_no_frame_and_does_not_zoom() -> None:
    layout = figure(True, 200).layout
    assert (layout.height, layout.margin.l, layout.template.layout.showlegend) == (200, 46, False)
    assert layout.template.layout.xaxis.fixedrange and not layout.template.layout.xaxis.showgrid


def test_colours_mix_along_a_ramp() -> None:
    assert mix(["#000000", "#FFFFFF"], 0.5) == "#808080"
    assert mix(["#000000", "#FFFFFF", "#FF0000"], 2.0) == "#FF0000"
    assert rgba("#4F46E5", 0.14) == "rgba(79,70,229,0.14)"
    assert scale(["#000000", "#FFFFFF"]) == [[0.0, "#000000"], [1.0, "#FFFFFF"]]


def test_labels_move_apart_around_their_centre() -> None:
    assert spread([1.0, 1.1, 5.0], 1.0) == pytest.approx([0.55, 1.55, 5.0])
    assert spread([5.0, 1.0], 1.0) == [5.0, 1.0]
    placed = sorted(spread([1.0, 1.0, 1.0, 1.9], 1.0))
    assert all(b - a >= 1.0 - 1e-9 for a, b in pairwise(placed))
    assert sum(placed) == pytest.approx(4.9)


def test_log_axes_have_plain_ticks() -> None:
    assert log_ticks(8, 240) == ([10, 20, 50, 100, 200], ["10", "20", "50", "100", "200"])
    assert log_ticks(1e-5, 12)[1] == ["10⁻⁴", "0.01", "1"]
