"""Times for the reader: files hold UTC, the screen shows the reader's own zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st


def _zone() -> tzinfo:
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def moment(utc: str) -> str:
    """A UTC time of a file as the reader's clock shows it: 09:14, or 21 Nov, 09:14 if it was another day."""
    try:
        when = datetime.fromisoformat(utc).astimezone(_zone())
    except ValueError:
        return ""
    return _written(when)


def in_seconds(seconds: float) -> str:
    """The moment that many seconds from now, as the reader's clock will show it."""
    return _written(datetime.now(_zone()) + timedelta(seconds=seconds))


def _written(when: datetime) -> str:
    today = datetime.now(_zone()).date()
    return f"{when:%H:%M}" if when.date() == today else f"{when.day} {when:%b}, {when:%H:%M}"
