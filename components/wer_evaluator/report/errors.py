"""Which words are mistaken for which, left out and added most often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.evaluation.markup import count, escape, table

_SHOWN = 20


def errors_section(metrics: Mapping[str, Any]) -> str:
    """Returns the section, HTML without its heading."""
    splits = metrics.get("splits") or {}
    parts = [
        f"<h3>{escape(split)}</h3>{_of_split(found)}" if len(splits) > 1 else _of_split(found)
        for split, found in splits.items()
    ]
    return "".join(parts) or "<p>Nothing was measured.</p>"


def _of_split(found: Mapping[str, Any]) -> str:
    tables = [
        ("Taken for another", ("Said", "Heard", "Times"), found.get("confusions") or (), ("reference", "hypothesis")),
        ("Left out", ("Word", "Times"), found.get("deletions") or (), ("reference",)),
        ("Added", ("Word", "Times"), found.get("insertions") or (), ("hypothesis",)),
    ]
    shown = [_table(*one) for one in tables if one[2]]
    return f"<div class='columns'>{''.join(shown)}</div>" if shown else "<p>There is no error.</p>"


def _table(title: str, header: Sequence[str], found: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> str:
    rows = [(*(escape(one.get(key)) for key in keys), count(one.get("count"))) for one in found[:_SHOWN]]
    return f"<div><h4>{escape(title)}</h4>{table(header, rows)}</div>"
