"""Which table `w2v2 init` wrote itself, so that it neither takes it for a person's nor a person's for its own."""

from __future__ import annotations

import ast
import warnings
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
        with warnings.catch_warnings():
            # What Python says of somebody's code is no concern of this command.
            warnings.simplefilter("ignore")
            tree = ast.parse(table.with_suffix(".py").read_bytes())
        with table.open("rb") as lines:
            header = lines.readline(1_000).decode().rstrip("\r\n").split("\t")
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    if not (ast.get_docstring(tree) or "").startswith(DOCSTRING):
        return False
    known = [columns_of(speakers, splits) for speakers in (False, True) for splits in (False, True)]
    return header in known and any(is_same_file(source, table) for source in _corpora(tree))


def is_same_file(one: Path, other: Path) -> bool:
    """Tells whether two paths lead to one file that is there."""
    try:
        return one.is_file() and one.samefile(other)
    except (OSError, ValueError):
        return False


def _corpora(tree: ast.Module) -> Iterator[Path]:
    """Yields the absolute paths that are given as a corpus."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "CorpusConfig":
            for value in (*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "source")):
                source = value.value if isinstance(value, ast.Constant) else None
                if isinstance(source, str) and Path(source).is_absolute():
                    yield Path(source)
