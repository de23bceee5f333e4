"""The tables of error rates: without padding, padded to a constant length, and in batches, for one model or two."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from beam_jobs import places
from beam_jobs.evaluation.example_splits import ExampleSplits
from beam_jobs.evaluation.heard import (
    ALONE,
    BATCHED,
    BEAM_SEARCH,
    CONSTANT,
    LEAST_PADDING_SAMPLES,
    PUBLISHED_PADDING_SAMPLES,
    HeardUtterance,
    Way,
)
from beam_jobs.evaluation.job import DEFAULT_BATCH_SAMPLES, hear
from model.audio import SAMPLE_RATE_HZ
from model.beam_search import BeamSearchSettings
from model.errors import DataError
from model.metrics import Score, ScoringSettings, Transcript, score
from model.settings import require


@dataclasses.dataclass(frozen=True)
class TableSettings:
    """What is in the tables.

    Attributes:
      pad_to_samples: The constant length; longer utterances keep theirs, and nothing is cut.
      batch_samples: Samples in a batch at most, padding included.
      beam_search: For a row of texts by beam search; None for none.
      scoring: How texts are compared.
    """

    pad_to_samples: int = PUBLISHED_PADDING_SAMPLES
    batch_samples: int = DEFAULT_BATCH_SAMPLES
    beam_search: BeamSearchSettings | None = None
    scoring: ScoringSettings = dataclasses.field(default_factory=ScoringSettings)

    def __post_init__(self) -> None:
        require(
            self.pad_to_samples >= LEAST_PADDING_SAMPLES,
            f"--pad-to must be at least {LEAST_PADDING_SAMPLES} samples, not {self.pad_to_samples}.",
        )

    @property
    def ways(self) -> tuple[Way, ...]:
        """The rows, in their order; logits and texts are compared with those of the first."""
        constant = dataclasses.replace(CONSTANT, pad_to_samples=self.pad_to_samples)
        return (ALONE, constant, BATCHED, *(() if self.beam_search is None else (BEAM_SEARCH,)))


@dataclasses.dataclass(frozen=True, eq=False)
class TableRow:
    """One way of running a model over a split.

    Attributes:
      padding: What padding is to the model: `masked`, or `unmasked` where it counts as sound.
      way: How it was run.
      score: Everything that is said of its texts.
      text_agreement: Share of the utterances with the text that the first row of the same padding has.
      largest_logit_difference: From that row; infinite where a logit is no number.
      realtime_factor: Seconds of speech heard a second; None for batches.
    """

    padding: str
    way: Way
    score: Score
    text_agreement: float
    largest_logit_difference: float
    realtime_factor: float | None

    def to_mapping(self) -> dict[str, Any]:
        """Returns the row in plain JSON values."""
        return {
            "padding": self.padding,
            "way": dataclasses.asdict(self.way),
            "text_agreement": self.text_agreement,
            "largest_logit_difference": self.largest_logit_difference,
            "realtime_factor": self.realtime_factor,
            "score": self.score.to_mapping(),
        }


@dataclasses.dataclass(frozen=True, eq=False)
class SplitTable:
    """The rows of a split.

    Attributes:
      split: Its name.
      utterances: How many.
      words: In its references.
      seconds: Of speech.
      published: As `ExampleSplits.published` gives it.
      rows: One for each padding and way.
    """

    split: str
    utterances: int
    words: int
    seconds: float
    published: Mapping[str, Any] | None
    rows: tuple[TableRow, ...]

    def to_mapping(self) -> dict[str, Any]:
        """Returns the table in plain JSON values."""
        return {
            "utterances": self.utterances,
            "words": self.words,
            "seconds": self.seconds,
            "published": None if self.published is None else dict(self.published),
            "rows": [row.to_mapping() for row in self.rows],
        }


def make_tables(
    examples: ExampleSplits,
    releases: Mapping[str, str | Path],
    baselines: Mapping[str, str | Path],
    settings: TableSettings,
    make_pipeline: Callable[[], Any] | None,
    working_dir: str,
    begin: Callable[[str], None] = lambda _: None,
) -> list[SplitTable]:
    """Hears the splits in every way and scores what was heard.

    Args:
      examples: What is heard.
      releases: The release of the model for each padding that is wanted: `masked`, `unmasked`.
      baselines: Those of the model that it is compared with, for the same paddings; empty for no comparison. It is
        heard in the same ways.
      settings: What is in the tables.
      make_pipeline: Makes the Beam pipeline, with the options of the engine.
      working_dir: A directory for this alone.
      begin: Is called with a few words when a part of the work begins.

    Raises:
      DataError: there are not as many utterances and words as ingest has promised, or no word; or as `hear` raises it.
    """

    def heard_of(model: str, padding: str, release: str | Path) -> dict[str, list[HeardUtterance]]:
        begin(f"Hearing, {model}{padding}")
        place = places.join(working_dir, f"{model or 'system'}-{padding}".replace(" ", "").replace(",", ""))
        found = hear(
            examples.examples_dir,
            examples.splits,
            release,
            settings.ways,
            make_pipeline,
            working_dir=place,
            batch_samples=settings.batch_samples,
            beam_search=settings.beam_search,
        )
        return {split: [one for one in found if one.split == split] for split in examples.splits}

    heard = {padding: heard_of("", padding, release) for padding, release in releases.items()}
    theirs = {padding: heard_of("baseline, ", padding, release) for padding, release in baselines.items()}
    begin("Scoring")
    tables: list[SplitTable] = []
    for split in examples.splits:
        by_padding = {padding: found[split] for padding, found in heard.items()}
        utterances = next(iter(by_padding.values()))
        words = _require_promised(examples, split, utterances)
        rows = [
            _row(padding, way, own, theirs[padding][split] if theirs else None, settings)
            for padding, own in by_padding.items()
            for way in settings.ways
        ]
        tables.append(
            SplitTable(split, len(utterances), words, _seconds(utterances), examples.published(split), tuple(rows))
        )
    return tables


def _require_promised(examples: ExampleSplits, split: str, utterances: Sequence[HeardUtterance]) -> int:
    """Returns the words of a split, if it holds as many utterances and words as ingest has promised."""
    here = {"utterances": len(utterances), "words": sum(len(one.reference.split()) for one in utterances)}
    promised = examples.promised(split)
    if here != promised:
        raise DataError(
            f"The split {split} must hold the {promised['utterances']:,} utterances with {promised['words']:,} words"
            f" that ingest has written, and {here['utterances']:,} with {here['words']:,} were heard; ingest the"
            " corpus again."
        )
    return here["words"]


def _row(
    padding: str,
    way: Way,
    heard: Sequence[HeardUtterance],
    theirs: Sequence[HeardUtterance] | None,
    settings: TableSettings,
) -> TableRow:
    texts = {one.utterance_id: one.by_way[way.name].text for one in heard}
    others = None if theirs is None else {one.utterance_id: one.by_way[way.name].text for one in theirs}
    first = settings.ways[0].name
    seconds = sum(one.by_way[way.name].seconds for one in heard)
    return TableRow(
        padding=padding,
        way=way,
        score=score(map(transcript_of, heard), texts, others, settings.scoring),
        text_agreement=sum(one.by_way[way.name].text == one.by_way[first].text for one in heard) / max(len(heard), 1),
        largest_logit_difference=max((one.by_way[way.name].logit_difference for one in heard), default=0.0),
        realtime_factor=_seconds(heard) / seconds if way.alone and seconds else None,
    )


def transcript_of(heard: HeardUtterance) -> Transcript:
    """Returns what was said in an utterance, as `model.metrics.score` takes it."""
    return Transcript(
        heard.utterance_id,
        heard.reference,
        speaker=heard.speaker_id or None,
        gender=heard.gender or None,
        subset=heard.subset or None,
        seconds=heard.num_samples / SAMPLE_RATE_HZ,
    )


def _seconds(heard: Sequence[HeardUtterance]) -> float:
    return sum(one.num_samples for one in heard) / SAMPLE_RATE_HZ
