"""The address of the form, kept safe from fast hands: whoever changes the next field before the page has answered sends
an address that knows nothing of the field before.

So every change starts from what the page itself said last, never from the address that came with the change. Without a
change, after a click on a link or on the browser's Back, the address that comes is right. For this all widgets of the
page have a callback: those that change nothing in the address take `hold`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

_SEEN = "_new_run_seen"


def look() -> None:
    """Remember the address as it is; once in every run of the page, when all that reads it has had its say."""
    st.session_state[_SEEN] = {key: st.query_params.get_all(key) for key in st.query_params}


def seen() -> dict[str, list[str]]:
    """Parameters that the page said or read last."""
    return dict(st.session_state.get(_SEEN, {}))


def put(changes: Mapping[str, Sequence[str] | None]) -> None:
    """Set parameters in one step for the browser's Back; None takes one away. For callbacks."""
    kept = {key: values for key, values in seen().items() if key not in changes}
    st.query_params.from_dict({**kept, **{key: list(values) for key, values in changes.items() if values}})
    look()


def hold() -> None:
    """Keep the address as the page said it last; for callbacks of widgets that change nothing in it."""
    put({})


def kept_choice(name: str, options: Sequence[Any], default: Any) -> dict[str, Any]:
    """Arguments for a widget whose value is the parameter `name`; the default, or no option at all, leaves it out."""
    wanted = st.query_params.get(name)
    value = next((option for option in options if str(option) == wanted), default)
    return _kept(name, value, lambda chosen: None if chosen is None or chosen == default else str(chosen))


def kept_switch(name: str, default: bool = False) -> dict[str, Any]:
    """The same for a switch, which stands as 1 or 0 in the address."""
    value = {"1": True, "0": False}.get(st.query_params.get(name, ""), default)
    return _kept(name, value, lambda chosen: None if chosen == default else str(int(chosen)))


def kept_text(name: str, default: str) -> dict[str, Any]:
    """The same for a text; an empty one is the default."""
    value = st.query_params.get(name, default)
    return _kept(name, value, lambda typed: None if typed.strip() in ("", default) else typed.strip())


def _kept(name: str, value: Any, written: Callable[[Any], str | None]) -> dict[str, Any]:
    key = f"kept_{name}"
    show(key, value)
    return {"key": key, "on_change": _keep, "args": (name, key, written)}


def _keep(name: str, key: str, written: Callable[[Any], str | None]) -> None:
    text = written(st.session_state[key])
    put({name: None if text is None else [text]})


def show(key: str, value: Any) -> None:
    """Let a widget show the value of the address; untouched where it does, so that no half-typed text is lost."""
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value
