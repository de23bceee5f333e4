"""Which table `w2v2 init` wrote itself, so that it neither takes it for a person's nor a person's for its own."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

# How the docstring of a configuration begins that `w2v2 init` has written.
DOCSTRING = "A recogniser of my own recordings, as w2v2 init has found them."
_FIRST_COLUMNS, _LAST_COLUMN = ("audio", "text"), "gender"


def columns_of(with_speakers: bool, with_splits: bool) -> list[str]:
    """Returns the columns of a manifest that `w2v2 init` writes."""
    optional = [*(["speaker"] if with_speakers else []), *(["split"] if with_splits else [])]
    return [*_FIRST_COLUMNS, *optional, _LAST_COLUMN]


def is_written_by_init(table: Path) -> bool:
    """Tells whether a table is a manifest that `w2v2 init` has written.

    It is where the configuration beside it is one that init has written too, that configuration reads the table, and
    the table has the columns of such a manifest. The configuration is parsed, and not run.
    """
    try:
        tree = ast.parse(table.with_suffix(".py").read_bytes())
        with table.open("rb") as lines:
            header = lines.readline(1_000).decode().rstrip("\r\n").split("\t")
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    if not (ast.get_docstring(tree) or "").startswith(DOCSTRING):
        return False
    known = [columns_of(speakers, splits) for speakers in (False, True) for splits in (False, True)]
    return header in known and any(_is_same(source, table) for source in _corpora(tree))


def _corpora(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "CorpusConfig":
            for value in (*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "source")):
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value.value


def _is_same(source: str, table: Path) -> bool:
    try:
        return os.path.isabs(source) and os.path.samefile(source, table)  # noqa: PTH117, PTH121 — a text, as it is
    except (OSError, ValueError):
        return False
