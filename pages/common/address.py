"""Choices that stand in the address by their keys, not by the words shown for them, so that links outlive a wording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st


def kept(name: str, options: Sequence[Any], default: Any, then: Callable[[], None] | None = None) -> dict[str, Any]:
    """Arguments for a widget whose value is the parameter `name` of the address; the default leaves it out.

    A value that is no option is passed over. The widget must not be given a default of its own.

    Args:
        then: called after the reader has chosen.
    """
    key = f"kept_{name}"
    wanted = st.query_params.get(name)
    st.session_state[key] = next((option for option in options if str(option) == wanted), default)
    return {"key": key, "on_change": _keep, "args": (name, key, default, then)}


def kept_switch(name: str, default: bool = False) -> dict[str, Any]:
    """The same for a switch, which stands as 1 or 0 in the address."""
    key = f"kept_{name}"
    st.session_state[key] = {"1": True, "0": False}.get(st.query_params.get(name, ""), default)
    return {"key": key, "on_change": _keep, "args": (name, key, default, None)}


def _keep(name: str, key: str, default: Any, then: Callable[[], None] | None) -> None:
    value = st.session_state[key]
    if value is None or value == default:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = str(int(value)) if isinstance(value, bool) else str(value)
    if then is not None:
        then()
