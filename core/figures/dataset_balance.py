"""How unbalanced the sizes are, and what a cap per size leaves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.data.balance import THESIS_SIZES, Balance, Cap, effective_number, is_common
from core.data.molecules import SYMBOLS
from core.figures.dataset_sizes import count_ticks, listed, size_step, some, spans
from core.figures.numbers import number, percent, short_count
from core.figures.theme import colours, figure

Ints = NDArray[np.int64]


def cap_figure(cap: Cap, dark: bool, height: int = 260, numbers: bool = True) -> go.Figure:
    """Molecules of each size before (faint) and after a cap of so many per size, with the cap as a line."""
    c = colours(dark)
    fig = figure(dark, height, left=46, right=60, top=22, bottom=40)
    rare = ~is_common(cap.before, int(cap.before.sum()))
    fig.add_bar(
        x=cap.sizes,
        y=cap.before,
        marker={"color": c.behind, "cornerradius": 2},
        text=[short_count(int(n)) for n in cap.before] if numbers else None,
        textposition="outside",
        textangle=0,
        constraintext="none",
        cliponaxis=False,
        textfont={"size": 10.5, "color": [c.worse if is_rare else c.muted for is_rare in rare]},
        hoverinfo="skip",
        name="before",
    )
    fig.add_bar(
        x=cap.sizes,
        y=cap.after,
        marker={"color": c.count, "cornerradius": 2},
        text=[f"{number(int(a))} of {number(int(b))} kept" for a, b in zip(cap.after, cap.before, strict=True)],
        textposition="none",
        hovertemplate="<b>%{x} atoms</b><br>%{text}<extra></extra>",
        name="after",
    )
    top = float(max(cap.before.max(initial=1), 1))
    line = {"color": c.ink, "width": 1.2, "dash": "dot"}
    text = f"{number(cap.limit)}<br>per size"
    name = {"xref": "paper", "x": 1.0, "xanchor": "left", "xshift": 6, "align": "left", "font": {"color": c.ink}}
    if cap.limit <= top * 1.08:
        fig.add_shape(type="line", xref="paper", x0=0, x1=1, y0=cap.limit, y1=cap.limit, line=line, layer="below")
        fig.add_annotation(**name, y=cap.limit, yanchor="middle", text=text)
    else:
        fig.add_annotation(**name, yref="paper", y=1.0, yanchor="top", text=f"↑ {text}")
    fig.update_layout(barmode="overlay", bargap=0.2)
    fig.update_xaxes(
        range=[cap.sizes[0] - 0.7, cap.sizes[-1] + 0.7] if len(cap.sizes) else None,
        dtick=size_step(cap.sizes) if numbers and len(cap.sizes) else 5,
        tickangle=0,
        title_text="atoms in the molecule",
    )
    fig.update_yaxes(range=[0, top * 1.12], **count_ticks(top))
    return fig


def cap_sentence(cap: Cap) -> str:
    """What a cap leaves and what that changes in the data, in Markdown; it cannot tell the error of a model."""
    total, cut = int(cap.before.sum()), cap.before > cap.limit
    if total == 0:
        return "**No molecule is left to be capped.**"
    if not cut.any():
        return f"**No size has more than {number(cap.limit)} molecules: this cap changes nothing.**"
    before, after = effective_number(cap.before), effective_number(cap.after)
    return (
        f"**At most {number(cap.limit)} per size keeps {number(cap.kept)} of {number(total)} molecules "
        f"({percent(cap.share)}).** {some(int(cut.sum()), 'size loses', 'sizes lose')} molecules "
        f"({spans(cap.sizes[cut])} atoms); the effective number of sizes goes from {number(before, 1)} to "
        f"{number(after, 1)}. An epoch has {number(total / cap.kept, 1)} times fewer molecules and no more of the rare "
        "ones: whether that helps, only a comparison with as many random molecules at equal steps can tell."
    )


def balance_sentence(balance: Balance) -> str:
    """How many equally frequent sizes would be as diverse, and how much of the data is rare, in Markdown."""
    if balance.n == 0:
        return "**No molecule is left.**"
    text = (
        f"**The molecules have {some(balance.n_classes, 'size', 'sizes')} but are spread as if over "
        f"{number(balance.effective, 1)} equally frequent ones.**"
    )
    if not balance.rare:
        return f"{text} No size is rarer than 1 %."
    return (
        f"{text} {some(len(balance.rare), 'size is', 'sizes are')} rarer than 1 %: together "
        f"{some(balance.n_rare, 'molecule', 'molecules')}, {percent(balance.rare_share, 1)}. "
        f"Training that takes molecules as they come meets one every {number(1 / balance.rare_share)} molecules."
    )


def element_balance_sentence(balance: Balance) -> str:
    """The same for the atoms and their elements, in Markdown."""
    if balance.n == 0:
        return "**No atom is left.**"
    text = (
        f"The atoms are of {some(balance.n_classes, 'element', 'elements')}, spread as if over "
        f"{number(balance.effective, 1)} equally frequent ones."
    )
    if not balance.rare:
        return f"{text} No element is in less than 1 % of the molecules."
    names = listed([SYMBOLS[z] for z in balance.rare])
    return f"{text} **In less than 1 % of the molecules: {names}** ({some(balance.n_rare, 'molecule', 'molecules')})."


def common_sizes_sentence(sizes: Ints, counts: Ints, listed_sizes: Sequence[int] = THESIS_SIZES) -> str:
    """The rule for common sizes (at least 1 %) beside the thesis's own list, and where they differ, in Markdown."""
    total = int(counts.sum())
    if total == 0:
        return "**No molecule is left.**"
    common = sizes[is_common(counts, total)]
    by_list = np.array(list(listed_sizes))
    share, share_list = (counts[np.isin(sizes, part)].sum() / total for part in (common, by_list))
    rule = f"{spans(common)} atoms, {percent(share, 1)} of the molecules" if len(common) else "none"
    text = (
        f"Common sizes by the rule (at least 1 %): {rule}. The thesis's list: {by_list[0]} to {by_list[-1]} atoms, "
        f"{percent(share_list, 1)}."
    )
    only_list = [int(size) for size in by_list if size not in common]
    only_rule = [int(size) for size in common if size not in by_list]
    parts = [f"{spans(only_list)} below 1 % here"] if only_list else []
    parts += [f"{spans(only_rule)} not in the list"] if only_rule else []
    return f"{text} They differ: {'; '.join(parts)}." if parts else f"{text} They agree."
