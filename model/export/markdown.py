"""Text in Markdown."""

from __future__ import annotations


def cell(text: str) -> str:
    """Returns text from elsewhere in one line, without what would end a table's cell or begin HTML."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
