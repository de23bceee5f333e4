"""Text of data, and names of files, as they may be shown."""

from __future__ import annotations


def printable_text(text: str) -> str:
    """Returns text without what a terminal would obey, and without bytes of a file name that are no UTF-8."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
