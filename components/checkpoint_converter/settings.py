"""What training starts from."""

from __future__ import annotations

import dataclasses

from model.settings import require

RANDOM = "random"
# The checkpoint that comes with the project, wherever the code that reads it lies.
TINY = "tiny"


@dataclasses.dataclass(frozen=True)
class CheckpointSettings:
    """A published checkpoint, and what it is held against; or random weights.

    Attributes:
      source: `tiny`, the checkpoint that comes with the project; a directory; a file of weights;
        `hf://owner/name[@revision]`; or `random`, for random weights.
      language: The language of an MMS model, such as `fra`, whose adapter is to be used; None for the one that the
        checkpoint itself holds.
      activations: A file of reference activations that the converted model must reproduce, as
        `model.checkpoint.parity` describes; None for none.
      architecture: That of random weights: `tiny`, `base`, `large`, or the `config.json` of a model; None for any other
        source, which brings its own.
      seed: Of random weights, and of a new head.
      new_head: Whether a CTC head that the checkpoint has gives way to a new one, which spells the letters of the
        transcripts: for another language, or another way to write. Where it has none, it gets a new one anyway.
    """

    source: str = "tiny"
    language: str | None = None
    activations: str | None = None
    architecture: str | None = None
    seed: int = 20
    new_head: bool = False

    def __post_init__(self) -> None:
        require(
            bool(self.source),
            "checkpoint.source must be 'tiny', 'random', a directory, a file, or hf://owner/name; it is empty.",
        )
        for name in ("language", "activations", "architecture"):
            require(getattr(self, name) != "", f"checkpoint.{name} must be left out or say something; it is empty.")
        require(
            (self.source == RANDOM) == (self.architecture is not None),
            "checkpoint.architecture must be 'tiny', 'base', 'large' or a config.json with checkpoint.source 'random',"
            f" and be left out with any other; it is {self.architecture!r} with {self.source!r}.",
        )
        require(
            self.source != RANDOM or (self.language is None and self.activations is None),
            "checkpoint.language and checkpoint.activations must be left out with checkpoint.source 'random', which"
            " knows neither.",
        )
        require(0 <= self.seed < 2**31, f"checkpoint.seed must be in [0, 2³¹), not {self.seed}.")
