"""Which checkpoint training starts from."""

from __future__ import annotations

import dataclasses

from model.settings import require


@dataclasses.dataclass(frozen=True)
class CheckpointSettings:
    """A published checkpoint, and what it is held against.

    Attributes:
      source: `tiny`, the checkpoint that comes with the project; a directory; a file of weights; or
        `hf://owner/name[@revision]`.
      language: The language of an MMS model, such as `fra`, whose adapter is to be used; None for the one that the
        checkpoint itself holds.
      activations: A file of reference activations that the converted model must reproduce, as
        `model.checkpoint.parity` describes; None for none.
    """

    source: str = "tiny"
    language: str | None = None
    activations: str | None = None

    def __post_init__(self) -> None:
        require(
            bool(self.source),
            "checkpoint.source must be 'tiny', a directory, a file, or hf://owner/name; it is empty.",
        )
        for name in ("language", "activations"):
            require(getattr(self, name) != "", f"checkpoint.{name} must be left out or say something; it is empty.")
