"""One subtitle."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Cue:
    """One subtitle.

    Attributes:
      start_milliseconds: When it appears.
      end_milliseconds: When it goes.
      lines: One or two, none of them empty.
    """

    start_milliseconds: int
    end_milliseconds: int
    lines: tuple[str, ...]
