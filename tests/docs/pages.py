"""The pages that people read, and every fenced block and every command in them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,})(?P<info>.*)$")
_SPAN = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
      page: The file, below the project's root.
      line: Where it begins.
      language: As written behind the fence; empty where none is.
      title: Of the block, or empty.
      code: What is in it.
    """

    page: str
    line: int
    language: str
    title: str
    code: str

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.page}:{self.line}"


def pages(root: Path = ROOT) -> list[Path]:
    """Returns the files: those of the root, all of docs/, and the README of every directory that has one."""
    found = [root / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    found += sorted((root / "docs").rglob("*.md"))
    for folder in ("demo", "notebooks", "benchmarks", "images", "model", "tests"):
        found += sorted((root / folder).rglob("README.md"))
    return [path for path in found if path.is_file()]


def blocks(path: Path, root: Path = ROOT) -> Iterator[Block]:
    """Yields the fenced blocks of a page. One that is never closed is an error: the rest of the page is in it."""
    begun: tuple[int, str, str, str] | None = None
    code: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if begun is None and fence is not None:
            begun, code = (number, fence["indent"], fence["fence"], fence["info"].strip()), []
        elif begun is not None and fence is not None and fence["fence"] == begun[2] and not fence["info"]:
            title = re.search(r'title="([^"]*)"', begun[3])
            yield Block(
                str(path.relative_to(root)),
                begun[0],
                begun[3].split(" ")[0],
                title[1] if title else "",
                "".join(f"{text.removeprefix(begun[1])}\n" for text in code),
            )
            begun = None
        else:
            code.append(line)
    assert begun is None, f"{path}:{begun and begun[0]}: the block must be closed with its own fence"


def every_block() -> list[Block]:
    """Returns the blocks of all pages."""
    return [block for path in pages() for block in blocks(path)]


def spans(path: Path) -> Iterator[str]:
    """Yields what stands in single backticks outside of blocks, on one line."""
    text = re.sub(r"^( *)(`{3,}).*?^\1\2$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for span in _SPAN.findall(text):
        yield " ".join(span.split())
