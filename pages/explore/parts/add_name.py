"""The name of a new dataset, checked while it is typed."""

from __future__ import annotations

import re

import streamlit as st

from core.data.store import check_free, check_name
from core.errors import MollensError
from core.tasks import active_names
from pages.common.appearance import plain


def name_field(suggestion: str, key: str) -> str | None:
    """Ask for a name; None while it cannot be used, with the reason below the field."""
    name = st.text_input(
        "Name",
        free_name(suggestion),
        key=f"add_name_{key}",
        max_chars=64,
        help="How pages and commands call it; letters, digits, '-', '_' and '.'",
    ).strip()
    try:
        check_free(check_name(name))
    except MollensError as error:
        st.caption(f":red[{plain(error)}]")
        return None
    if name in active_names():
        st.caption(f"{plain(name)} is being made right now, see below; choose another name for one more.")
        return None
    return name


def free_name(suggestion: str) -> str:
    """A name that no dataset has, made from a file name."""
    ends = r"(\.(xyz|extxyz|json|npz|db|zip|tar|tgz|gz|xz|bz2))+$"
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", re.sub(ends, "", suggestion, flags=re.IGNORECASE))
    base = re.sub(r"\.{2,}", ".", base).lstrip("._-")[:56].rstrip("._-") or "dataset"
    taken = active_names()
    for k in range(1, 100):
        name = base if k == 1 else f"{base}-{k}"
        try:
            if name not in taken:
                return check_free(name)
        except MollensError:
            continue
    return base
