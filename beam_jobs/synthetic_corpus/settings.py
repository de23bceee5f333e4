"""What a person may choose about the synthetic corpus."""

from __future__ import annotations

import dataclasses
from typing import Literal

from model.settings import require

# Raised when the same settings would give other sounds or other text, so that an old corpus is not taken for a new one.
CORPUS_VERSION = 1


@dataclasses.dataclass(frozen=True)
class SyntheticCorpusSettings:
    """Settings of the synthetic corpus; equal settings and versions give equal bytes.

    Attributes:
      text: `grammar`, sentences of a grammar of some 60 words; `broad`, random sequences of common English words,
        spoken by other voices, from which the checkpoint that comes with the project was made.
      minutes: Speech in all, spread evenly over the speakers.
      train_speakers: Speakers of the subset `train-synthetic`.
      dev_speakers: Speakers of the subset `dev-synthetic`; 0 for no such subset.
      test_speakers: Speakers of the subset `test-synthetic`; 0 for no such subset.
      seed: Of sentences and voices.
    """

    text: Literal["grammar", "broad"] = "grammar"
    minutes: float = 40.0
    train_speakers: int = 18
    dev_speakers: int = 4
    test_speakers: int = 6
    seed: int = 20

    def __post_init__(self) -> None:
        require(0 < self.minutes <= 6000, f"corpus.synthetic.minutes must be in (0, 6000], not {self.minutes}.")
        require(
            self.train_speakers >= 1,
            f"corpus.synthetic.train_speakers must be at least 1, not {self.train_speakers}.",
        )
        for name in ("dev_speakers", "test_speakers"):
            require(getattr(self, name) >= 0, f"corpus.synthetic.{name} must be 0 or more, not {getattr(self, name)}.")
        require(
            self.speakers <= 400,
            f"corpus.synthetic can tell 400 speakers apart, and {self.speakers} are asked for; choose fewer.",
        )

    @property
    def speakers(self) -> int:
        """Speakers in all."""
        return self.train_speakers + self.dev_speakers + self.test_speakers
