"""What was said, what was heard, and what the latest blessed model heard, word under word."""

from __future__ import annotations

import dataclasses
import itertools

from components.evaluation.markup import NOTHING, escape
from components.evaluation.naming import LATEST_BLESSED
from model.metrics import align_words

_SHOWN_WORDS = 300


@dataclasses.dataclass(frozen=True)
class Column:
    """A place in an alignment.

    Attributes:
      said: The word of the reference; empty where something was added.
      heard: By the model; empty where the word was left out.
      before: By the baseline; None where there is none.
    """

    said: str
    heard: str
    before: str | None = None

    @property
    def is_right(self) -> bool:
        """Whether everybody heard what was said."""
        return self.heard == self.said and self.before in (None, self.said)


def columns_of(reference: str, hypothesis: str, baseline: str | None = None) -> list[Column]:
    """Aligns one or two systems with the reference.

    Args:
      reference: What was said.
      hypothesis: What the model heard.
      baseline: What the baseline heard; None where there is none.
    """
    words, heard, added = _places(reference, hypothesis)
    if baseline is None:
        before: list[str | None] = [None] * len(words)
        added_before: list[list[str]] = [[] for _ in added]
    else:
        _, found, added_before = _places(reference, baseline)
        before = [*found]
    nothing = None if baseline is None else ""
    columns: list[Column] = []
    for place in range(len(words) + 1):
        for one, other in itertools.zip_longest(added[place], added_before[place]):
            columns.append(Column("", one or "", nothing if other is None else other))
        if place < len(words):
            columns.append(Column(words[place], heard[place], before[place]))
    return columns


def alignment(reference: str, hypothesis: str, baseline: str | None = None, called: str = LATEST_BLESSED) -> str:
    """Returns an alignment as HTML; the arguments are those of `columns_of`, and what the baseline is called."""
    columns = columns_of(reference, hypothesis, baseline)
    shown = " ".join(_as_html(column, called) for column in columns[:_SHOWN_WORDS])
    more = len(columns) - _SHOWN_WORDS
    rest = f" <span>and {more:,} words more</span>" if more > 0 else ""
    return f'<p class="words" dir="auto">{shown}{rest}</p>'


def _places(reference: str, hypothesis: str) -> tuple[list[str], list[str], list[list[str]]]:
    """Returns the words of the reference, what was heard for each, and what was added before each and at the end."""
    words: list[str] = []
    heard: list[str] = []
    added: list[list[str]] = [[]]
    for step in align_words(reference, hypothesis):
        if step.kind == "insert":
            added[-1].append(step.hypothesis)
        else:
            words.append(step.reference)
            heard.append(step.hypothesis)
            added.append([])
    return words, heard, added


def _as_html(column: Column, called: str) -> str:
    if column.is_right:
        return f"<span>{escape(column.said)}</span>"
    lines = [f"<b>{escape(column.said) or NOTHING}</b>"]
    told = [f"said: {column.said or 'nothing'}", f"heard: {column.heard or 'nothing'}"]
    for word in (column.heard, column.before):
        if word is not None:
            name = "good" if word == column.said else "bad"
            lines.append(f'<i class="{name}">{escape(word) or NOTHING}</i>')
    if column.before is not None:
        told.append(f"{called}: {column.before or 'nothing'}")
    return f'<span class="wrong" title="{escape("; ".join(told))}">{"".join(lines)}</span>'
