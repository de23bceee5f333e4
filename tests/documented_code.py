"""The pieces of code of a page that have a title, as they stand there."""

import re
from pathlib import Path

_PIECE = re.compile(
    r'^```(?P<language>python|js) title="(?P<title>[^"]+)"\n(?P<code>.*?)^```$', re.DOTALL | re.MULTILINE
)
_DOCS = Path(__file__).parents[1] / "docs"


def pieces(page):
    """Returns code by title; page is a file's name below docs/."""
    text = (_DOCS / page).read_text(encoding="utf-8")
    found = {piece["title"]: piece["code"] for piece in _PIECE.finditer(text)}
    assert len(found) == text.count(' title="'), "every title once, on a piece of Python or JavaScript"
    return found
