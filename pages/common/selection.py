"""Groups as filters: what a click on a group makes of the filters, which groups the filters mean, and what a figure
of groups ignores of them."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core.data.selection import Selection
from core.figures.picking import picked_marks
from core.judge.grouping.groupings import Grouping
from pages.common.filters import set_selection
from pages.common.furniture import picked_points


def without_own(selection: Selection, grouping: Grouping) -> Selection:
    """The filters that a figure of this grouping follows: all but those that its own groups set."""
    kinds = _own_kinds(grouping)
    if "element" in kinds:
        kinds |= {"without"}
    rest = selection.but(*(kinds - {"range"}))
    keys = {limits.key for each in grouping.selections if each is not None for limits in each.range}
    return replace(rest, range=tuple(limits for limits in rest.range if limits.key not in keys))


def chosen_names(selection: Selection, grouping: Grouping) -> frozenset[str]:
    """Names of the groups that the filters are set to; none where they set no filter of the grouping's own kinds."""
    own = _own_part(selection, grouping)
    if not own:
        return frozenset()
    pairs = zip(grouping.names, grouping.selections, strict=True)
    return frozenset(name for name, each in pairs if each is not None and each and _within(each, own))


def with_group(selection: Selection, grouping: Grouping, name: str) -> Selection | None:
    """The filters set to one group, or without them where they are set to just that; None if no filter means it."""
    if name not in grouping.names:
        return None
    wanted = grouping.selections[grouping.names.index(name)]
    if wanted is None or not wanted:
        return None
    rest = without_own(selection, grouping)
    if _own_part(selection, grouping) == wanted:
        return rest
    changed = {kind: getattr(wanted, kind) for kind in wanted.kinds()}
    return replace(rest, **{**changed, "range": (*rest.range, *wanted.range)})


def follow_mark(key: str, selection: Selection, grouping: Grouping) -> None:
    """Filter by the group of the mark that was just clicked in the figure `key`, whose marks carry its name.

    A click on the group that is set takes its filter away.
    """
    marks = picked_marks(picked_points(key))
    if not marks:
        return
    changed = with_group(selection, grouping, str(marks[-1][0]))
    if changed is None:
        st.toast("No filter means this group, so it cannot be followed.", icon=":material/info:")
    else:
        set_selection(changed)


def clickable(grouping: Grouping) -> bool:
    """Whether any group can become a filter."""
    return any(each for each in grouping.selections)


def _own_kinds(grouping: Grouping) -> set[str]:
    return {kind for each in grouping.selections if each is not None for kind in each.kinds()}


def _own_part(selection: Selection, grouping: Grouping) -> Selection:
    """Only those filters that the grouping's own groups set."""
    rest = without_own(selection, grouping)
    kinds = [kind for kind in selection.kinds() if getattr(rest, kind) != getattr(selection, kind)]
    part = replace(Selection(), **{kind: getattr(selection, kind) for kind in kinds})
    return replace(part, range=tuple(limits for limits in selection.range if limits not in rest.range))


def _within(group: Selection, own: Selection) -> bool:
    """Whether every molecule of the group passes the filters, told from the filters alone."""
    for kind in own.kinds():
        mine, wanted = getattr(group, kind), getattr(own, kind)
        if kind in ("size", "heavy", "id"):
            inside = bool(mine) and all(any(w.low <= m.low and m.high <= w.high for w in wanted) for m in mine)
        elif kind in ("element", "range"):
            inside = set(wanted) <= set(mine)
        else:
            inside = mine == wanted
        if not inside:
            return False
    return True
