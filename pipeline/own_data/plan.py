"""What a configuration for a person's recordings should say: how long to train, and what the gate can ask for.

Sources: the passes over the data lie below those of the published recipes (fairseq's `base_*.yaml`: thousands over an
hour, 150 over a thousand), so that one GPU has done them in a day or two; the rate for large models is of
the order of the published ones, that for small models is that of `pipeline/configs/local.py`.
"""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path

from beam_jobs.librispeech.corpus import TRAIN
from model.audio import SAMPLE_RATE_HZ
from model.checkpoint.location import HUB_PREFIX
from model.metrics.non_inferiority import smallest_detectable, smallest_margin
from pipeline.own_data.examination import Examination
from pipeline.own_data.letters import ENGLISH_CODES

# For any language but English; for English one that has heard nothing else.
MULTILINGUAL = "hf://facebook/wav2vec2-xls-r-300m"
ENGLISH = "hf://facebook/wav2vec2-base"
DEFAULT_MAX_WER = 0.30

_SMALL_HIDDEN_SIZE = 512
_SMALL_BATCH_SAMPLES = 320_000
_LARGE_BATCH_SAMPLES = 640_000
_LARGE_ACCUMULATED = 2
# Passes over so many hours, at most.
_PASSES = ((1.0, 60), (10.0, 30), (100.0, 15), (math.inf, 5))
_LEAST_STEPS, _MOST_STEPS = 300, 60_000
_MEASUREMENTS = 8
# The standard error of the difference of two equal models is this times the root of WER / words. Measured: 0.9 on
# LibriSpeech's test-clean (model.metrics.non_inferiority), 1.16 in the default run (pipeline/configs/local.py).
_ERROR_FACTOR = 1.2
_LEAST_MARGIN = 0.005
# As in GateSettings, where the test set is large enough that one utterance, or one word, does not decide.
_INT8_AGREEMENT, _INT8_DIFFERENCE = 0.99, 0.005


@dataclasses.dataclass(frozen=True)
class Plan:
    """The numbers of a configuration.

    Attributes:
      name: Of the configuration.
      checkpoint: What training starts from.
      new_head: Whether it gets a new CTC head for the letters, whatever head it has.
      is_small: Whether it is a small model, that learns at a high rate and in small batches.
      passes: How often each recording is heard.
      steps: Updates of the weights.
      batch_samples: Samples in a batch.
      accumulate_batches: Batches of an update.
      evaluate_every_steps: How often the validation split is measured.
      max_reject_fraction: The share of recordings that may be left out.
      max_wer: The ceiling.
      margin: How much worse than the last release a model may be.
      detectable: The smallest regression that the gate sees in four of five cases, in such a test set.
      test_words: Words of the smallest test split.
      test_utterances: Its utterances.
      min_int8_text_agreement: As in `GateSettings`.
      max_int8_wer_difference: As in `GateSettings`.
    """

    name: str
    checkpoint: str
    new_head: bool
    is_small: bool
    passes: float
    steps: int
    batch_samples: int
    accumulate_batches: int
    evaluate_every_steps: int
    max_reject_fraction: float
    max_wer: float
    margin: float
    detectable: float
    test_words: int
    test_utterances: int
    min_int8_text_agreement: float
    max_int8_wer_difference: float


def make_plan(
    found: Examination, output: Path, checkpoint: str | None, steps: int | None, max_wer: float | None
) -> Plan:
    """Decides the numbers of a configuration.

    Args:
      found: What is known of the recordings.
      output: The file that will hold it; its name is the configuration's.
      checkpoint: What training starts from; None for one that suits the language.
      steps: Updates of the weights; None for as many as suit the hours.
      max_wer: The ceiling; None for one that a person may think about.

    Raises:
      UsageError: there is no such checkpoint.
      CheckpointError: it is none.
    """
    has_english_letters = found.letters.alphabet is None
    is_english = has_english_letters or found.letters.language in ENGLISH_CODES
    source = _absolute(checkpoint or (ENGLISH if is_english else MULTILINGUAL))
    is_small = _hidden_size(source) < _SMALL_HIDDEN_SIZE
    batch = _SMALL_BATCH_SAMPLES if is_small else _LARGE_BATCH_SAMPLES
    accumulated = 1 if is_small else _LARGE_ACCUMULATED
    seconds = found.splits[TRAIN].seconds
    update_seconds = batch * accumulated / SAMPLE_RATE_HZ
    passes = next(passes for hours, passes in _PASSES if seconds / 3600 <= hours)
    wanted = min(_MOST_STEPS, max(_LEAST_STEPS, passes * seconds / update_seconds))
    chosen = steps or _rounded(wanted)
    ceiling = DEFAULT_MAX_WER if max_wer is None else max_wer
    smallest = min(found.tests.values(), key=lambda split: split.words)
    words = max(1, smallest.words)
    error = _ERROR_FACTOR * math.sqrt(min(ceiling, 1.0) / words)
    margin = max(_LEAST_MARGIN, math.ceil(1000 * smallest_margin(error)) / 1000)
    rejects = found.expected_rejects / max(1, found.lines)
    return Plan(
        name=_name(output),
        checkpoint=source,
        new_head=not has_english_letters,
        is_small=is_small,
        passes=chosen * update_seconds / seconds,
        steps=chosen,
        batch_samples=batch,
        accumulate_batches=accumulated,
        evaluate_every_steps=max(1, min(1000, chosen // _MEASUREMENTS)),
        max_reject_fraction=min(1.0, max(0.001, math.ceil(1000 * rejects) / 1000)),
        max_wer=ceiling,
        margin=margin,
        detectable=smallest_detectable(margin, error),
        test_words=smallest.words,
        test_utterances=smallest.utterances,
        min_int8_text_agreement=_rounded_down(min(_INT8_AGREEMENT, 1 - 2 / max(2, smallest.utterances))),
        max_int8_wer_difference=max(_INT8_DIFFERENCE, math.ceil(1000 * 2 / words) / 1000),
    )


def _hidden_size(checkpoint: str) -> float:
    """Returns the width of a checkpoint's encoder; infinity for one on the Hub, which is not downloaded here."""
    from model.checkpoint.hub import parse_hub_reference
    from model.checkpoint.source import read_checkpoint
    from model.pretrained import TINY

    if checkpoint.startswith(HUB_PREFIX):
        parse_hub_reference(checkpoint)
        return math.inf
    return read_checkpoint(TINY if checkpoint == "tiny" else checkpoint).config.hidden_size


def _absolute(checkpoint: str) -> str:
    """Returns a path that means the same in every directory, or an address as it is."""
    if checkpoint == "tiny" or "://" in checkpoint:
        return checkpoint
    return str(Path(checkpoint).expanduser().resolve())


def _name(output: Path) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", output.stem.lower()).strip("-_") or "own"


def _rounded(steps: float) -> int:
    """Returns a number of two digits, and zeros."""
    unit = 10 ** max(0, math.floor(math.log10(steps)) - 1)
    return math.ceil(steps / unit) * unit


def _rounded_down(share: float) -> float:
    return math.floor(1000 * share) / 1000
