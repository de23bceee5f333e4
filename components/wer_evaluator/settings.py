"""What a person may choose about evaluation and its gate."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Literal

from beam_jobs.evaluation import LEAST_PADDING_SAMPLES, PUBLISHED_PADDING_SAMPLES
from beam_jobs.evaluation.batches import DEFAULT_BATCH_SAMPLES
from model.beam_search import BeamSearchSettings
from model.export.release import FORMATS
from model.metrics import SliceSettings, get_normaliser
from model.settings import require

_FRACTIONS = "a fraction, 0.1 for 10 %"
_DIFFERENCES = "a difference of fractions, 0.005 for half a point"


@dataclasses.dataclass(frozen=True)
class EvaluationSettings:
    """What is measured.

    Beside batches, as a server runs it, the SavedModel is run in the ways that `paddings` names, and the ONNX file
    utterance by utterance.

    Attributes:
      splits: Test splits to measure; empty for all whose names begin with `test`.
      normaliser: What is done to texts before they are compared; `docs/scoring.md` lists them.
      slices: How utterances are parted, and how many words a slice needs to be the worst.
      paddings: How the SavedModel is run beside batches: each utterance `alone`, and each alone with `constant` padding
        to `pad_to_samples`.
      pad_to_samples: Shorter utterances are padded to so many samples where padding is constant; longer ones keep their
        length.
      beam_search: The language model and its weights for a row of its own; None for no such row.
      batch_samples: Samples in a batch at most, padding included.
      num_probes: Utterances, spread over all lengths, that are kept with their logits: the checkpoint of the release is
        held against its SavedModel by them, and the pushers check a copy by them.
      num_silences: Sounds without any signal that are heard.
      num_noises: Sounds without speech, white and pink noise and hum in turn, that are heard.
      bootstrap_resamples: Draws of the bootstrap.
      seed: Of the bootstrap, the silences and the noises.
    """

    splits: tuple[str, ...] = ()
    normaliser: str = "librispeech"
    slices: SliceSettings = dataclasses.field(default_factory=SliceSettings)
    paddings: tuple[Literal["alone", "constant"], ...] = ("alone", "constant")
    pad_to_samples: int = PUBLISHED_PADDING_SAMPLES
    beam_search: BeamSearchSettings | None = None
    batch_samples: int = DEFAULT_BATCH_SAMPLES
    num_probes: int = 8
    num_silences: int = 3
    num_noises: int = 6
    bootstrap_resamples: int = 1_000
    seed: int = 20

    def __post_init__(self) -> None:
        get_normaliser(self.normaliser)
        require(
            set(self.paddings) <= {"alone", "constant"} and len(set(self.paddings)) == len(self.paddings),
            f"evaluation.paddings must name 'alone' and 'constant', each once at most, not {self.paddings}.",
        )
        for name, least in (
            ("pad_to_samples", LEAST_PADDING_SAMPLES),
            ("batch_samples", 400),
            ("num_probes", 1),
            ("num_silences", 0),
            ("num_noises", 0),
            ("bootstrap_resamples", 100),
            ("seed", 0),
        ):
            value = getattr(self, name)
            require(value >= least, f"evaluation.{name} must be at least {least}, not {value}.")


@dataclasses.dataclass(frozen=True)
class GateSettings:
    """What a model must reach to be released.

    A value of None asks for nothing: what was measured is told, and not judged. `docs/gates.md` says what each gate is
    for. Ceilings and floors hold for the point estimate, `non_inferiority_margin` for the upper bound of an interval.

    Attributes:
      max_wer: Ceiling of the WER of each test split, a fraction; or one for each split by its name, and then each split
        that is measured must be named.
      non_inferiority_margin: How much worse than the latest blessed model each test split may be, a difference of
        fractions: the upper bound of the one-sided 95 % interval of the difference must be within it.
      max_slice_wer: Ceiling of the WER of the worst slice of each test split, of those with enough words.
      max_deletion_increase: How many more words than the latest blessed model may be left out, a difference of
        fractions of the words said.
      max_silence_words: How many words the SavedModel may hear in all silences together, and how many the ONNX file.
      max_noise_words: The same of all noises.
      max_beam_search_wer: Ceiling of the WER of each test split by beam search with the language model.
      min_padding_text_agreement: For which share of the utterances an utterance alone, padded or not, must give the
        text that it gives in a batch.
      max_padding_logit_difference: How far its logits may be from those in a batch.
      min_export_text_agreement: For which share of the utterances the ONNX file and the checkpoint must give the text
        of the SavedModel.
      max_export_logit_difference: How far their logits may be from those of the SavedModel.
      max_export_wer_difference: How far their WER may be from that of the SavedModel, up or down.
      min_int8_text_agreement: For which share of the utterances the ONNX file in int8 must give the SavedModel's text.
      max_int8_wer_difference: How far its WER may be from that of the SavedModel, up or down.
      min_realtime_factor: How many seconds of sound must be heard in a second, utterance by utterance.
      max_median_seconds: Half of the utterances must be heard within that time.
      max_p95_seconds: 95 of 100 utterances must be heard within that time.
      max_release_bytes: How large each format of the release may be; or by the format's name.
      max_shared_sentences: How many utterances may have a sentence of the training or validation split.
      allow_shared_speakers: Whether people may be heard in training or validation and in test. An utterance never may.
      allow_partial_subsets: Whether a subset of LibriSpeech may have other counts than were published.
      min_utterances: Utterances that each test split must have.
      allow_data_anomalies: Whether a model may pass although ExampleValidator found anomalies.
      first_run: What to do where there is no blessed model to compare with: `accept` what passes all other checks, or
        leave it to a person's `review`, as must be where `max_wer` holds no ceiling.
      require_approval: Whether what passes all checks is still left to a person, who approves or rejects it.
    """

    max_wer: float | Mapping[str, float | None] | None = None
    non_inferiority_margin: float | None = None
    max_slice_wer: float | None = None
    max_deletion_increase: float | None = None
    max_silence_words: int | None = 0
    max_noise_words: int | None = 0
    max_beam_search_wer: float | None = None
    min_padding_text_agreement: float | None = 0.999
    max_padding_logit_difference: float | None = 1e-3
    min_export_text_agreement: float | None = 0.999
    max_export_logit_difference: float | None = 1e-3
    max_export_wer_difference: float | None = 0.001
    min_int8_text_agreement: float | None = 0.99
    max_int8_wer_difference: float | None = 0.005
    min_realtime_factor: float | None = None
    max_median_seconds: float | None = None
    max_p95_seconds: float | None = None
    max_release_bytes: int | Mapping[str, int] | None = None
    max_shared_sentences: int | None = None
    allow_shared_speakers: bool = False
    allow_partial_subsets: bool = False
    min_utterances: int = 1
    allow_data_anomalies: bool = False
    first_run: Literal["accept", "review"] = "accept"
    require_approval: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.max_wer, Mapping):
            require(bool(self.max_wer), "gate.max_wer must be a fraction, or one for each test split; it is empty.")
            has_ceiling = any(value is not None for value in self.max_wer.values())
        else:
            has_ceiling = self.max_wer is not None
        require(
            has_ceiling or self.non_inferiority_margin is not None,
            "gate must hold a threshold, max_wer or non_inferiority_margin; without one, every model would pass.",
        )
        require(
            has_ceiling or self.first_run != "accept",
            "gate.first_run must be 'review' where max_wer holds no ceiling, not 'accept': a first model has nothing to"
            " be compared with, and every one would pass.",
        )
        if isinstance(self.max_wer, Mapping):
            for split, value in self.max_wer.items():
                self._require(f"max_wer[{split!r}]", value, 0, 10, _FRACTIONS)
        else:
            self._require("max_wer", self.max_wer, 0, 10, _FRACTIONS)
        for name in ("max_slice_wer", "max_beam_search_wer"):
            self._require(name, getattr(self, name), 0, 10, _FRACTIONS)
        for name in (
            "non_inferiority_margin",
            "max_deletion_increase",
            "max_export_wer_difference",
            "max_int8_wer_difference",
        ):
            self._require(name, getattr(self, name), 0, 10, _DIFFERENCES)
        for name in ("min_padding_text_agreement", "min_export_text_agreement", "min_int8_text_agreement"):
            self._require(name, getattr(self, name), 0, 1, "in [0, 1]")
        for name in (
            "max_padding_logit_difference",
            "max_export_logit_difference",
            "min_realtime_factor",
            "max_median_seconds",
            "max_p95_seconds",
            "max_silence_words",
            "max_noise_words",
            "max_shared_sentences",
        ):
            self._require(name, getattr(self, name), 0, math.inf, "a number of at least 0")
        if isinstance(self.max_release_bytes, Mapping):
            for format_, value in self.max_release_bytes.items():
                known = ", ".join(map(repr, FORMATS))
                require(format_ in FORMATS, f"gate.max_release_bytes must name {known}, not {format_!r}.")
                self._require(f"max_release_bytes[{format_!r}]", value, 1, math.inf, "a number of at least 1")
        else:
            self._require("max_release_bytes", self.max_release_bytes, 1, math.inf, "a number of at least 1")
        require(self.min_utterances >= 1, f"gate.min_utterances must be at least 1, not {self.min_utterances}.")
        require(
            self.first_run in ("accept", "review"),
            f"gate.first_run must be 'accept' or 'review', not {self.first_run!r}.",
        )

    def _require(self, name: str, value: object, least: float, most: float, rule: str) -> None:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
        # Nothing is at least or at most NaN.
        require(value is None or fits, f"gate.{name} must be {rule}, not {value!r}.")


def require_answers(evaluation: EvaluationSettings, gate: GateSettings) -> None:
    """Checks that all that the gate asks for is measured, which else would be found out after the training.

    Raises:
      ConfigurationError: something is not.
    """
    for kind, plural in (("silence", "silences"), ("noise", "noises")):
        limit = getattr(gate, f"max_{kind}_words")
        require(
            limit is None or getattr(evaluation, f"num_{plural}") > 0,
            f"evaluation.num_{plural} must be at least 1 with gate.max_{kind}_words {limit}, not 0; ask for None, or"
            f" let {plural} be heard.",
        )
    for settings, paddings in (
        (("min_padding_text_agreement", "max_padding_logit_difference"), ("alone", "constant")),
        (("min_realtime_factor", "max_median_seconds", "max_p95_seconds"), ("alone",)),
    ):
        asked = [name for name in settings if getattr(gate, name) is not None]
        require(
            not asked or bool(set(paddings) & set(evaluation.paddings)),
            f"evaluation.paddings must name {' or '.join(map(repr, paddings))} with gate.{asked[0] if asked else ''},"
            f" not {evaluation.paddings}.",
        )
    require(
        gate.max_beam_search_wer is None or evaluation.beam_search is not None,
        f"evaluation.beam_search must name a language model with gate.max_beam_search_wer {gate.max_beam_search_wer},"
        " not None.",
    )
    if isinstance(gate.max_wer, Mapping) and evaluation.splits:
        require(
            set(gate.max_wer) == set(evaluation.splits),
            "gate.max_wer must name the test splits of evaluation.splits,"
            f" {', '.join(sorted(evaluation.splits))}, not {', '.join(sorted(gate.max_wer))}.",
        )
