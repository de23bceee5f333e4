"""A word that was heard."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Word:
    """A word that was heard.

    Attributes:
      text: Its letters.
      start_seconds: Where its first letter begins, from the beginning of the recording.
      end_seconds: Where its last letter ends.
      confidence: How sure the model is, from 0 to 1: the geometric mean of the probabilities of its letters, each at
        the frame where that letter is likeliest. No calibrated probability: it puts words in an order.
    """

    text: str
    start_seconds: float
    end_seconds: float
    confidence: float
