"""Whether the reader's page is dark, and the texts that may be put into Markdown or HTML."""

from __future__ import annotations

import html
import re

import streamlit as st

# A colon matters to Streamlit only where a word follows: :red[...], :smile:, :material/...
_MARKDOWN = re.compile(r"([\\`*_{}\[\]#|~<>$]|:(?=\w))")


def dark() -> bool:
    """Whether the reader sees the dark appearance."""
    return st.context.theme.type == "dark"


def plain(text: object) -> str:
    """Escape a text that others wrote (a name, a SMILES) so that Markdown shows it as it is."""
    return _MARKDOWN.sub(r"\\\1", str(text).replace("\n", " "))


def safe(text: object) -> str:
    """Escape a text that others wrote so that HTML shows it as it is."""
    return html.escape(str(text), quote=True)


def unbroken(text: str) -> str:
    """The text with no line break between a number and its per cent sign."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")
