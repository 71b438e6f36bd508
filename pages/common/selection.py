"""The group of molecules that the reader has clicked: kept in the address, so that it can be shared and followed."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.errors import MollensError
from core.judge.groups import Group, named_group, parse_group
from pages.common.appearance import plain

ALL = "all"
"""What a picker of sizes or elements says when it sets no limit."""


def chosen_group() -> Group | None:
    """The group that the address names by `size` (17 or 17-19) and `element`; None if it names none.

    What cannot be understood is dropped from the address.
    """
    for key in ("size", "element"):
        if st.query_params.get(key) == ALL:
            del st.query_params[key]
    try:
        return parse_group(st.query_params.get("size"), st.query_params.get("element"))
    except MollensError as error:
        st.warning(plain(error), icon=":material/info:")
        choose_group(None)
        return None


def group_query(group: Group | None) -> dict[str, str]:
    """The group as the parameters of an address."""
    if group is None:
        return {}
    query = {}
    if group.lowest is not None:
        query["size"] = str(group.lowest) if group.lowest == group.highest else f"{group.lowest}-{group.highest}"
    if group.element is not None:
        query["element"] = group.element
    return query


def choose_group(group: Group | None) -> None:
    """Put a group into the address in place of the one before; None clears it."""
    for key in ("size", "element"):
        if key in st.query_params:
            del st.query_params[key]
    for key, value in group_query(group).items():
        st.query_params[key] = value


def follow_click(key: str) -> None:
    """Choose the group of the mark that was just clicked in a chart; a click on the chosen one clears it.

    key: of a chart whose marks carry (atoms or None, element or None) as custom data.
    """
    points = _points(key)
    if points:
        size, element = points[-1]
        group = named_group(size, size, element)
        choose_group(None if group == chosen_group() else group)


def _points(key: str) -> list[tuple[int | None, str | None]]:
    """(atoms, element) of the marks selected in a chart."""
    state: Any = st.session_state.get(key)
    if not state:
        return []
    found = []
    for point in state["selection"]["points"]:
        data = point.get("customdata")
        if data:
            size, element = (data[0], data[1]) if isinstance(data, (list, tuple)) else (data["0"], data["1"])
            found.append((None if size is None else int(size), element))
    return found
