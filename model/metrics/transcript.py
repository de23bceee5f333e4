"""The text of an utterance."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Transcript:
    """What was said in an utterance, or what a system heard, and what else is known of it.

    Attributes:
      utterance_id: Unique in the test set.
      text: Empty where nothing was said, or heard.
      speaker: Who spoke; None where it is not known.
      gender: `F`, `M` or another word; None where it is not known.
      subset: Such as `test-clean`; None where there is none.
      seconds: How long it is; None where it is not known.
    """

    utterance_id: str
    text: str
    speaker: str | None = None
    gender: str | None = None
    subset: str | None = None
    seconds: float | None = None
