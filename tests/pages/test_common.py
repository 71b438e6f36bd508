import numpy as np
import pytest

from pages.common.appearance import plain, safe
from pages.common.viewer import lay_flat


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("SchNet, seed 1", "SchNet, seed 1"),
        ("Demo: small", "Demo: small"),
        (":red[x] **b**", r"\:red\[x\] \*\*b\*\*"),
        ("a\n# b", r"a \# b"),
        ("<script>", r"\<script\>"),
        ("[a](javascript:x)", r"\[a\](javascript\:x)"),
        ("$x$ `c` ~~d~~ a_b|c", r"\$x\$ \`c\` \~\~d\~\~ a\_b\|c"),
    ],
)
def test_texts_of_others_are_no_markdown(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_texts_of_others_are_no_html() -> None:
    assert safe('<b a="1">\'&') == "&lt;b a=&quot;1&quot;&gt;&#x27;&amp;"


def test_a_molecule_is_turned_but_not_mirrored() -> None:
    positions = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 3.0], [0.0, 1.0, 0.5], [0.4, 0.3, 0.2]])
    turned = lay_flat(positions)

    def distances(x: np.ndarray) -> np.ndarray:
        return np.linalg.norm(x[:, None] - x[None], axis=2)

    def handedness(x: np.ndarray) -> float:
        return float(np.linalg.det(x[1:] - x[0]))

    np.testing.assert_allclose(distances(turned), distances(positions), atol=1e-12)
    assert handedness(turned) == pytest.approx(handedness(positions))
    np.testing.assert_allclose(turned.mean(axis=0), 0, atol=1e-12)
    assert turned.std(axis=0).argmax() == 0


def test_a_single_atom_and_a_line_can_be_laid_flat() -> None:
    assert lay_flat(np.array([[1.0, 2.0, 3.0]])).shape == (1, 3)
    line = lay_flat(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 2.0]]))
    assert np.linalg.norm(line[1] - line[0]) == pytest.approx(2.0)
