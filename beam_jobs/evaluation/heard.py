"""What is asked of a released model, and what comes back: the interface between the evaluation's job and its judge."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from model.settings import require

PUBLISHED_PADDING_SAMPLES = 246_000
"""To so many samples the project that this one succeeds padded every utterance."""

LEAST_PADDING_SAMPLES = 400
"""What the feature encoder of the published checkpoints needs for one frame; a constant length has as many at least."""


@dataclasses.dataclass(frozen=True)
class Way:
    """A way of running a release over utterances.

    Attributes:
      name: What the results are called, such as `batched`.
      kind: Which files of the release are run.
      alone: Whether each utterance is run by itself; else in a batch with others of about its length.
      pad_to_samples: Shorter utterances are padded with zeros to so many samples, and longer ones keep their length;
        0 for no such padding.
      decoder: How logits become text: the best token of each frame, or beam search with a language model.
    """

    name: str
    kind: Literal["saved_model", "onnx", "onnx_int8"] = "saved_model"
    alone: bool = False
    pad_to_samples: int = 0
    decoder: Literal["greedy", "beam_search"] = "greedy"

    def __post_init__(self) -> None:
        require(bool(self.name), "A way must have a name.")
        require(self.pad_to_samples >= 0, f"pad_to_samples must be at least 0, not {self.pad_to_samples}.")


BATCHED = Way("batched")
ALONE = Way("alone", alone=True)
CONSTANT = Way("constant", alone=True, pad_to_samples=PUBLISHED_PADDING_SAMPLES)
ONNX = Way("onnx", kind="onnx", alone=True)
ONNX_INT8 = Way("onnx_int8", kind="onnx_int8", alone=True)
BEAM_SEARCH = Way("beam_search", decoder="beam_search")


@dataclasses.dataclass(frozen=True)
class HeardBy:
    """What one way made of an utterance.

    Attributes:
      text: The hypothesis.
      logit_difference: The largest absolute difference of its logits from those of the first way; 0 for the first, and
        infinite where the shapes differ or a logit is no number.
      seconds: That the model took; in a batch, the utterance's share by its samples.
    """

    text: str
    logit_difference: float
    seconds: float


@dataclasses.dataclass(frozen=True)
class HeardUtterance:
    """An utterance, and what each way made of it.

    Attributes:
      utterance_id: Its id.
      split: Of the examples.
      subset: Such as `test-clean`; empty where it is not known.
      speaker_id: Who spoke.
      gender: `F`, `M`, or empty.
      num_samples: At 16 kHz.
      reference: What was said.
      by_way: What each way made of it, by the way's name, in the order that was asked for.
    """

    utterance_id: str
    split: str
    subset: str
    speaker_id: str
    gender: str
    num_samples: int
    reference: str
    by_way: Mapping[str, HeardBy]


@dataclasses.dataclass(frozen=True, eq=False)
class Sound:
    """What a way made of one waveform that is no utterance of the examples, or of one whose logits are kept.

    Attributes:
      text: The hypothesis.
      logits: float32 `[frames, vocab]`.
      seconds: That the model took.
    """

    text: str
    logits: np.ndarray[Any, Any]
    seconds: float
