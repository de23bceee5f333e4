"""Everything that is said of a system's texts: counts, rates, intervals, slices, and the comparison with a baseline.

`score` takes texts and returns one plain document, so that a recogniser of ours and any other system's output are
judged by the same rules.
"""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from model.errors import DataError
from model.metrics.alignment import AlignedWord, align_words_of
from model.metrics.bootstrap import Bootstrap, Interval
from model.metrics.comparison import difference_of
from model.metrics.counting import count_character_errors_of, counts_of_alignment
from model.metrics.counts import Counts, total
from model.metrics.matched_pairs import matched_pairs_test
from model.metrics.non_inferiority import judge_non_inferiority
from model.metrics.normaliser import TextNormaliser, get_normaliser
from model.metrics.scores import Comparison, Frequent, Score, ScoredUtterance, SliceScore, SystemScore
from model.metrics.slices import SliceSettings, members, slice_keys
from model.metrics.transcript import Transcript
from model.settings import require

_SHOWN_IDS = 3
_MARGINS = "a difference of fractions, 0.005 for half a point"


@dataclasses.dataclass(frozen=True)
class ScoringSettings:
    """How texts are compared.

    Attributes:
      normaliser: Name of what is done to them before.
      resamples: Draws of the bootstrap.
      seed: Of the draws.
      margin: How much worse than the baseline the system may be, a difference of fractions; None for no judgement.
      slices: How utterances are parted.
      num_frequent: How many of the most frequent confusions, deletions and insertions are told.
    """

    normaliser: str = "librispeech"
    resamples: int = 1_000
    seed: int = 20
    margin: float | None = None
    slices: SliceSettings = dataclasses.field(default_factory=SliceSettings)
    num_frequent: int = 20

    def __post_init__(self) -> None:
        get_normaliser(self.normaliser)
        require(self.resamples >= 100, f"resamples must be at least 100, not {self.resamples}.")
        require(self.num_frequent >= 0, f"num_frequent must be at least 0, not {self.num_frequent}.")
        require(self.margin is None or 0 <= self.margin <= 10, f"margin must be {_MARGINS}, not {self.margin}.")


def score(
    references: Iterable[Transcript],
    hypotheses: Mapping[str, str],
    baseline: Mapping[str, str] | None = None,
    settings: ScoringSettings | None = None,
) -> Score:
    """Scores a system, alone or against a baseline. The order of the utterances does not matter.

    Args:
      references: What was said in every utterance of the test set, with what else is known of it.
      hypotheses: What the system heard, by id; an empty text where it heard nothing.
      baseline: What the baseline heard, by id.
      settings: How texts are compared.

    Raises:
      DataError: ids are not the same on both sides or occur twice, or no reference has a word.
    """
    chosen = settings or ScoringSettings()
    known = sorted(references, key=lambda one: one.utterance_id)
    _require_same_ids(known, hypotheses, "hypotheses")
    if baseline is not None:
        _require_same_ids(known, baseline, "hypotheses of the baseline")
    normalise = get_normaliser(chosen.normaliser)
    texts = [normalise(one.text) for one in known]
    if not any(texts):
        raise DataError(
            f"The references must hold at least one word, and the {len(known)} that are there hold none after the"
            f" normaliser {normalise.name!r}; give the file with what was said."
        )
    system = _Compared.of(known, texts, hypotheses, normalise)
    other = None if baseline is None else _Compared.of(known, texts, baseline, normalise)
    keys = [
        slice_keys(
            count.reference,
            subset=one.subset,
            speaker=one.speaker,
            gender=one.gender,
            seconds=one.seconds,
            settings=chosen.slices,
        )
        for one, count in zip(known, system.words, strict=True)
    ]
    speakers_known = all(one.speaker for one in known)
    # One name for all is fewer than five speakers, so utterances are drawn.
    speakers = np.array([one.speaker if speakers_known else "" for one in known])
    intervals = _Intervals(Bootstrap(chosen.resamples, chosen.seed), speakers, system, other)
    slices = tuple(intervals.of_slice(kind, value, indices) for kind, value, indices in members(keys))
    # What holds every utterance is no part of the test set.
    parts = [one for one in slices if one.words.utterances < len(known)]
    large = [one for one in parts if one.words.reference >= chosen.slices.min_words]
    everything = list(range(len(known)))
    whole = intervals.of_slice("", "", everything)
    seconds = [one.seconds for one in known]
    return Score(
        normaliser=normalise,
        resamples=chosen.resamples,
        seed=chosen.seed,
        speakers=len(set(speakers.tolist())) if speakers_known else None,
        seconds=math.fsum(seconds) if all(one is not None for one in seconds) else None,  # pyright: ignore[reportArgumentType]
        system=system.summary(whole.interval),
        slices=slices,
        worst_slice=max(large, key=lambda one: one.words.rate, default=None),
        confusions=_frequent(system.steps, "substitute", chosen.num_frequent),
        deletions=_frequent(system.steps, "delete", chosen.num_frequent),
        insertions=_frequent(system.steps, "insert", chosen.num_frequent),
        baseline=None if other is None else _comparison(system, other, intervals, whole, chosen.margin),
        rows=tuple(
            ScoredUtterance(
                utterance_id=one.utterance_id,
                reference=texts[index],
                hypothesis=system.texts[index],
                words=system.words[index],
                characters=system.characters[index],
                keys=keys[index],
                baseline_hypothesis=None if other is None else other.texts[index],
                baseline_words=None if other is None else other.words[index],
            )
            for index, one in enumerate(known)
        ),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Compared:
    """One system's texts, compared with the references utterance by utterance."""

    texts: list[str]
    steps: list[list[AlignedWord]]
    words: list[Counts]
    characters: list[Counts]
    raw_words: list[Counts]
    raw_characters: list[Counts]

    @classmethod
    def of(
        cls,
        references: Sequence[Transcript],
        texts: Sequence[str],
        hypotheses: Mapping[str, str],
        normalise: TextNormaliser,
    ) -> _Compared:
        raw = [one.text for one in references]
        raw_heard = [hypotheses[one.utterance_id] for one in references]
        heard = [normalise(text) for text in raw_heard]
        steps = align_words_of(texts, heard)
        words = [counts_of_alignment(one) for one in steps]
        if normalise.parts_letters:
            # The spaces are the normaliser's own, and nobody has to hear them.
            left, right = ([text.replace(" ", "") for text in side] for side in (texts, heard))
            characters = count_character_errors_of(left, right)
        else:
            characters = count_character_errors_of(texts, heard)
        raw_words, raw_characters = words, characters
        if (raw, raw_heard) != (list(texts), heard):
            raw_words = [counts_of_alignment(one) for one in align_words_of(raw, raw_heard)]
            raw_characters = count_character_errors_of(raw, raw_heard)
        return cls(heard, steps, words, characters, raw_words, raw_characters)

    def summary(self, interval: Interval) -> SystemScore:
        return SystemScore(
            total(self.words), total(self.characters), total(self.raw_words), total(self.raw_characters), interval
        )


class _Intervals:
    """Counts and intervals of any part of the test set, from one bootstrap."""

    def __init__(
        self, bootstrap: Bootstrap, speakers: np.ndarray[Any, Any], system: _Compared, other: _Compared | None
    ) -> None:
        self._bootstrap = bootstrap
        self._speakers = speakers
        self._system, self._other = system, other
        self._words = np.array([one.reference for one in system.words], np.float64)
        columns = [np.array([one.errors for one in system.words], np.float64)]
        if other is not None:
            theirs = np.array([one.errors for one in other.words], np.float64)
            columns += [columns[0] - theirs, theirs]
        self._errors = np.stack(columns, axis=1)

    def of_slice(self, kind: str, value: str, indices: Sequence[int]) -> SliceScore:
        drawn = self._draw(indices)
        words = total(self._system.words[index] for index in indices)
        if self._other is None:
            return SliceScore(kind, value, words, drawn.interval())
        theirs = total(self._other.words[index] for index in indices)
        return SliceScore(
            kind, value, words, drawn.interval(), theirs, difference_of(words.rate - theirs.rate, drawn, ratio=1)
        )

    def of_baseline(self) -> Interval:
        return self._draw(range(len(self._words))).interval(ratio=2)

    def _draw(self, indices: Sequence[int]) -> Any:
        chosen = np.asarray(indices)
        return self._bootstrap.ratios(self._errors[chosen], self._words[chosen], self._speakers[chosen])


def _comparison(
    system: _Compared, other: _Compared, intervals: _Intervals, whole: SliceScore, margin: float | None
) -> Comparison:
    assert whole.difference is not None
    changes = [one.errors - theirs.errors for one, theirs in zip(system.words, other.words, strict=True)]
    return Comparison(
        system=other.summary(intervals.of_baseline()),
        difference=whole.difference,
        matched_pairs=matched_pairs_test(system.steps, other.steps),
        non_inferiority=None if margin is None else judge_non_inferiority(whole.difference, margin),
        better_utterances=sum(change < 0 for change in changes),
        worse_utterances=sum(change > 0 for change in changes),
    )


def _frequent(alignments: Iterable[Iterable[AlignedWord]], kind: str, number: int) -> tuple[Frequent, ...]:
    """Returns the most frequent steps of a kind; among as frequent ones, in the order of their words."""
    found = collections.Counter(
        (step.reference, step.hypothesis) for steps in alignments for step in steps if step.kind == kind
    )
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:number]
    return tuple(Frequent(reference, hypothesis, count) for (reference, hypothesis), count in ordered)


def _require_same_ids(references: Sequence[Transcript], hypotheses: Mapping[str, str], what: str) -> None:
    ids = [one.utterance_id for one in references]
    twice = [utterance_id for utterance_id, count in collections.Counter(ids).items() if count > 1]
    if twice:
        raise DataError(f"Each utterance must occur once in the references, and {_shown(twice)} more than once.")
    missing = [utterance_id for utterance_id in ids if utterance_id not in hypotheses]
    unknown = sorted(hypotheses.keys() - set(ids))
    if unknown:
        raise DataError(
            f"The {what} must be of utterances that the references have, and they have no {_shown(unknown)}; leave"
            " out what is not of this test set, or give its references."
        )
    if missing:
        raise DataError(
            f"The {what} must have a line for each of the {len(ids)} utterances of the references, and there is none"
            f" for {_shown(missing)}; where nothing was heard, add the id with an empty text."
        )


def _shown(ids: Sequence[str]) -> str:
    more = len(ids) - _SHOWN_IDS
    return ", ".join(ids[:_SHOWN_IDS]) + (f" and {more} more" if more > 0 else "")
