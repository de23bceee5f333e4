"""What is said of a system, as one plain document."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from model.metrics.bootstrap import Interval
from model.metrics.comparison import Difference
from model.metrics.counts import Counts
from model.metrics.matched_pairs import MatchedPairs
from model.metrics.non_inferiority import NonInferiority
from model.metrics.normaliser import TextNormaliser

FORMAT_VERSION = 1


@dataclasses.dataclass(frozen=True)
class ScoredUtterance:
    """One utterance, compared.

    Attributes:
      utterance_id: Its id.
      reference: What was said, as the normaliser leaves it.
      hypothesis: What the system heard, as the normaliser leaves it.
      words: Word errors.
      characters: Character errors.
      keys: The slices that it belongs to, by kind.
      baseline_hypothesis: What the baseline heard; None where there is none.
      baseline_words: The baseline's word errors; None where there is none.
    """

    utterance_id: str
    reference: str
    hypothesis: str
    words: Counts
    characters: Counts
    keys: Mapping[str, str]
    baseline_hypothesis: str | None = None
    baseline_words: Counts | None = None

    def to_mapping(self) -> dict[str, Any]:
        """Returns the utterance as a line of `utterances.jsonl` has it."""
        row: dict[str, Any] = {
            "utterance_id": self.utterance_id,
            "reference": self.reference,
            "hypothesis": self.hypothesis,
            "words": _counts_mapping(self.words, "words"),
            "characters": _counts_mapping(self.characters, "characters"),
            "slices": dict(self.keys),
        }
        if self.baseline_words is not None:
            row["baseline_hypothesis"] = self.baseline_hypothesis
            row["baseline_words"] = _counts_mapping(self.baseline_words, "words")
        return row


@dataclasses.dataclass(frozen=True)
class SystemScore:
    """The sums over all utterances for one system.

    Attributes:
      words: Word errors of the normalised texts.
      characters: Character errors of the normalised texts.
      raw_words: Word errors of the texts as they are.
      raw_characters: Character errors of the texts as they are.
      interval: 95 % interval of the WER of the normalised texts.
    """

    words: Counts
    characters: Counts
    raw_words: Counts
    raw_characters: Counts
    interval: Interval

    def to_mapping(self) -> dict[str, Any]:
        """Returns counts and rates."""
        return {
            "words": rates_mapping(self.words, "words"),
            "characters": rates_mapping(self.characters, "characters"),
            "raw": {
                "words": rates_mapping(self.raw_words, "words"),
                "characters": rates_mapping(self.raw_characters, "characters"),
            },
            "interval": _plain(dataclasses.asdict(self.interval)),
        }


@dataclasses.dataclass(frozen=True)
class SliceScore:
    """A part of the test set.

    Attributes:
      kind: One of `KINDS`.
      value: Which one, such as `F`.
      words: Word errors.
      interval: 95 % interval of the WER.
      baseline_words: Those of the baseline; None where there is none.
      difference: From the baseline; None where there is none.
    """

    kind: str
    value: str
    words: Counts
    interval: Interval
    baseline_words: Counts | None = None
    difference: Difference | None = None

    @property
    def name(self) -> str:
        """Kind and value, such as `gender=F`."""
        return f"{self.kind}={self.value}"

    def to_mapping(self) -> dict[str, Any]:
        """Returns counts, rates, interval and difference."""
        return {
            "kind": self.kind,
            "value": self.value,
            "words": rates_mapping(self.words, "words"),
            "interval": _plain(dataclasses.asdict(self.interval)),
            "baseline_words": None if self.baseline_words is None else rates_mapping(self.baseline_words, "words"),
            "difference": None if self.difference is None else _plain(dataclasses.asdict(self.difference)),
        }


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A system beside a baseline, on the same utterances.

    Attributes:
      system: The baseline's own sums.
      difference: WER of the system minus that of the baseline, from the paired bootstrap.
      matched_pairs: The matched-pairs sentence-segment word error test.
      non_inferiority: The judgement by the margin; None where none was given.
      better_utterances: In how many utterances the system has fewer errors.
      worse_utterances: In how many it has more.
    """

    system: SystemScore
    difference: Difference
    matched_pairs: MatchedPairs
    non_inferiority: NonInferiority | None
    better_utterances: int
    worse_utterances: int

    def to_mapping(self) -> dict[str, Any]:
        """Returns all of it."""
        judged = self.non_inferiority
        return {
            **self.system.to_mapping(),
            "difference": _plain(dataclasses.asdict(self.difference)),
            "matched_pairs": _plain(dataclasses.asdict(self.matched_pairs)),
            "non_inferiority": None if judged is None else _plain(dataclasses.asdict(judged)),
            "better_utterances": self.better_utterances,
            "worse_utterances": self.worse_utterances,
        }


@dataclasses.dataclass(frozen=True)
class Frequent:
    """An error that occurs often.

    Attributes:
      reference: The word that was said; empty for an insertion.
      hypothesis: The word that was heard; empty for a deletion.
      count: How often.
    """

    reference: str
    hypothesis: str
    count: int


@dataclasses.dataclass(frozen=True, eq=False)
class Score:
    """Everything that is said of a system.

    Attributes:
      normaliser: What was done to the texts.
      resamples: Draws of the bootstrap.
      seed: Of the draws.
      speakers: How many; None where it is not known who spoke.
      seconds: Of all utterances; None where one is not known.
      system: The sums over all utterances.
      slices: Every slice, ordered by kind and value.
      worst_slice: The one with the highest WER among those that have enough words and are not the whole test set; None
        where there is none.
      confusions: The most frequent pairs of words.
      deletions: The words that are left out most often.
      insertions: The words that are added most often.
      baseline: The comparison; None where there is no baseline.
      rows: Every utterance, in the order of their ids; not part of the document.
    """

    normaliser: TextNormaliser
    resamples: int
    seed: int
    speakers: int | None
    seconds: float | None
    system: SystemScore
    slices: tuple[SliceScore, ...]
    worst_slice: SliceScore | None
    confusions: tuple[Frequent, ...]
    deletions: tuple[Frequent, ...]
    insertions: tuple[Frequent, ...]
    baseline: Comparison | None
    rows: tuple[ScoredUtterance, ...]

    def to_mapping(self) -> dict[str, Any]:
        """Returns the document, in plain JSON values; a rate that is not defined is None."""
        return {
            "format_version": FORMAT_VERSION,
            "normaliser": self.normaliser.to_mapping(),
            "bootstrap": {"resamples": self.resamples, "seed": self.seed},
            "utterances": self.system.words.utterances,
            "speakers": self.speakers,
            "seconds": self.seconds,
            **self.system.to_mapping(),
            "slices": [one.to_mapping() for one in self.slices],
            "worst_slice": None if self.worst_slice is None else self.worst_slice.to_mapping(),
            "confusions": [dataclasses.asdict(one) for one in self.confusions],
            "deletions": [{"reference": one.reference, "count": one.count} for one in self.deletions],
            "insertions": [{"hypothesis": one.hypothesis, "count": one.count} for one in self.insertions],
            "baseline": None if self.baseline is None else self.baseline.to_mapping(),
        }


def rates_mapping(counts: Counts, unit: str) -> dict[str, Any]:
    """Returns counts with the rates that follow from them; a rate that is not defined is None.

    Args:
      counts: Of words, or of characters.
      unit: `words` or `characters`; of words, the rates are called `wer`, `mer`, `wil` and `sentence_error_rate`, of
        characters there is `cer`.
    """
    rates = (
        {
            "wer": counts.rate,
            "mer": counts.match_error_rate,
            "wil": counts.information_lost,
            "sentence_error_rate": counts.utterance_error_rate,
        }
        if unit == "words"
        else {"cer": counts.rate}
    )
    return {
        **_counts_mapping(counts, unit),
        "utterances": counts.utterances,
        "wrong_utterances": counts.wrong_utterances,
        **_plain(rates),
    }


def _counts_mapping(counts: Counts, unit: str) -> dict[str, int]:
    return {
        unit: counts.reference,
        "hits": counts.hits,
        "substitutions": counts.substitutions,
        "deletions": counts.deletions,
        "insertions": counts.insertions,
        "errors": counts.errors,
    }


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values for JSON, which knows no NaN."""
    plain: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            plain[name] = _plain(value)
        elif isinstance(value, float) and not math.isfinite(value):
            plain[name] = None
        else:
            plain[name] = value
    return plain
