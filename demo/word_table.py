"""The words with their times, as a table."""

from __future__ import annotations

import html
from collections.abc import Sequence

from model.word import Word


def word_table_html(words: Sequence[Word]) -> str:
    """Returns a table of words as HTML, which needs the classes of page.css; where there are none, nothing."""
    if not words:
        return ""
    rows = "".join(
        f"<tr><td>{html.escape(word.text)}</td><td>{word.start_seconds:.2f}</td><td>{word.end_seconds:.2f}</td>"
        f"<td>{word.confidence:.2f}</td></tr>"
        for word in words
    )
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Word", "From, s", "To, s", "Confidence"))
    return (
        '<div class="w2v2-table" tabindex="0" role="region" aria-label="Words with their times">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
