"""What a person should know of their recordings before a model is made of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from beam_jobs.librispeech.corpus import TRAIN, VALIDATION
from beam_jobs.places import printable
from pipeline.own_data.letters import Letters
from pipeline.own_data.sounds import Sound, Sounds
from pipeline.own_data.transcripts import Fault, Transcripts, Utterance

# So many make intervals that can be trusted (model.metrics.bootstrap).
GOOD_TEST_SPEAKERS = 5
_SMALL_TEST_WORDS = 1_000
_SMALL_TRAINING_SECONDS = 3_600.0
_MAX_CHARACTERS_PER_SECOND = 35.0
_EXAMPLES = 3
_SHOWN_CHARACTERS = 10


@dataclasses.dataclass(frozen=True)
class Remark:
    """Something that a person should know.

    Attributes:
      level: `warning` where it may make the model worse, or a measurement wrong.
      text: A sentence.
      examples: Where it is seen, a few.
    """

    level: Literal["note", "warning"]
    text: str
    examples: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Split:
    """What a split holds, without what ingest will leave out.

    Attributes:
      utterances: How many.
      seconds: How long they are.
      speakers: How many people speak; None where nobody says.
      words: In their transcripts, as errors are counted: in a language without spaces, letters.
    """

    utterances: int
    seconds: float
    speakers: int | None
    words: int


def remarks_on(
    found: Transcripts,
    sounds: Sounds,
    letters: Letters,
    usable: Sequence[Utterance],
    splits: Mapping[str, Split],
    rejects: Sequence[Fault],
) -> Iterator[Remark]:
    """Yields what is odd, or may make the model worse.

    Args:
      found: The recordings and their texts.
      sounds: Their files.
      letters: The letters.
      usable: The recordings that ingest will take, as far as can be seen.
      splits: What they add up to.
      rejects: The others, and why.
    """
    for text in letters.warnings:
        yield _warning(text)
    for text in letters.notes:
        yield Remark("note", text)
    if rejects:
        lines = len(found.utterances) + len(found.faults)
        yield _warning(
            f"To be left out, each with its reason in rejects.jsonl: {len(rejects):,} of {lines:,} recordings.",
            [reject.reason for reject in rejects],
        )
    if letters.refused:
        first = list(letters.refused.items())[:_SHOWN_CHARACTERS]
        shown = " ".join(f"{printable(character)} ({count:,})" for character, count in first)
        yield _warning(f"No letters of the alphabet, so that recordings with them are left out: {shown}.")
    if letters.rare:
        shown = " ".join(map(printable, letters.rare))
        yield Remark("note", f"Too seldom to be learned well: {shown}.")
    yield from _on_files(found, sounds)
    if fast := [one.audio for one in usable if _is_too_fast(one, sounds.by_path)]:
        most = f"{_MAX_CHARACTERS_PER_SECOND:g} characters a second"
        yield _warning(f"Too long for their recording, more than {most}: {_count(fast, 'transcript')}.", _names(fast))
    learned = {one.text for one in usable if one.split in (TRAIN, VALIDATION)}
    if shared := [one for one in usable if one.split not in (TRAIN, VALIDATION) and one.text in learned]:
        text = f"With a sentence that is trained on, too: {_count(shared, 'test recording')}; the report counts them."
        yield Remark("note", text)
    yield from _on_size(splits, letters)
    if not letters.language_known:
        yield _warning(
            "The language is not known: --language CODE (ISO 639, such as fi) tells it to the model card, and decides"
            " what a small I is."
        )


def _on_files(found: Transcripts, sounds: Sounds) -> Iterator[Remark]:
    if sounds.missing:
        yield _warning(f"Not there: {_count(sounds.missing, 'file')} of the table.", _names(sounds.missing))
    if found.unwritten:
        yield _warning(
            f"Without a transcript, and not used: {_count(found.unwritten, 'recording')}.", _names(found.unwritten)
        )
    heard = f"of {sounds.heard} that were listened to"
    if sounds.silent:
        yield _warning(f"Silent, {heard}: {_count(sounds.silent, 'recording')}.", _names(sounds.silent))
    if sounds.clipped:
        yield _warning(f"Recorded too loud, {heard}: {_count(sounds.clipped, 'recording')}.", _names(sounds.clipped))
    if sounds.doubles:
        pairs = [f"{Path(one).name} = {Path(other).name}" for one, other in sounds.doubles]
        yield _warning(f"With the content of another one: {_count(sounds.doubles, 'file')}.", pairs)
    if sounds.looked_at < len({one.audio for one in found.utterances}):
        yield Remark("note", f"{sounds.looked_at:,} files were looked at, evenly spread; hours are an estimate.")


def _on_size(splits: Mapping[str, Split], letters: Letters) -> Iterator[Remark]:
    counted = "letters" if letters.parts_letters else "words"
    for name, split in splits.items():
        if name in (TRAIN, VALIDATION):
            continue
        if split.words < _SMALL_TEST_WORDS:
            yield _warning(f"{name} has {split.words:,} {counted}, so that its WER will have a wide interval.")
        if split.speakers is not None and split.speakers < GOOD_TEST_SPEAKERS:
            people = "one person speaks" if split.speakers == 1 else f"{split.speakers} people speak"
            yield _warning(
                f"In {name} {people}; with fewer than {GOOD_TEST_SPEAKERS}, an interval tells nothing of other people."
            )
    if splits[TRAIN].seconds < _SMALL_TRAINING_SECONDS:
        yield _warning(f"There are {splits[TRAIN].seconds / 60:.0f} minutes to train on, less than an hour.")


def _warning(text: str, examples: Sequence[str] = ()) -> Remark:
    return Remark("warning", text, tuple(map(printable, examples[:_EXAMPLES])))


def _names(paths: Sequence[str]) -> list[str]:
    return [Path(path).name for path in paths[:_EXAMPLES]]


def _is_too_fast(one: Utterance, by_path: Mapping[str, Sound]) -> bool:
    sound = by_path.get(one.audio)
    return sound is not None and len(one.text) > _MAX_CHARACTERS_PER_SECOND * max(sound.seconds, 0.1)


def _count(things: Sequence[object], one: str) -> str:
    return f"{len(things):,} {one}{'' if len(things) == 1 else 's'}"
