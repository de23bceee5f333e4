"""Whether what is tested on was learned from: people, utterances and sentences."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from beam_jobs.evaluation import HeardUtterance
from components.evaluation.examples import read_texts

TRAIN_SPLIT = "train"
# The weights with the fewest errors on it are those that are released.
VALIDATION_SPLIT = "validation"


def find_leakage(
    examples_dir: str | Path,
    split_names: Collection[str],
    utterances: Sequence[HeardUtterance],
    normalise: Callable[[str], str],
    speakers_known: bool,
) -> dict[str, Any] | None:
    """Holds all test splits together against those that the model was made by, whose texts are read without the sound.

    Training adjusts the weights, and validation chooses among them.

    Args:
      examples_dir: The examples.
      split_names: Their splits.
      utterances: Of the test splits.
      normalise: What is done to texts before they are compared.
      speakers_known: Whether ingest knows who speaks.

    Returns:
      What `metrics.json` says of it: names in alphabetical order, and the number of test utterances whose sentence is
      among them. None where there is no training split.

    Raises:
      DataError: a shard of these splits is damaged.
    """
    if TRAIN_SPLIT not in split_names:
        return None
    against = [split for split in (TRAIN_SPLIT, VALIDATION_SPLIT) if split in split_names]
    speakers, ids, sentences = set[str](), set[str](), set[str]()
    for split in against:
        for texts in read_texts(examples_dir, split):
            speakers.add(texts["speaker_id"])
            ids.add(texts["utterance_id"])
            sentences.add(normalise(texts["transcript"]))
    sentences.discard("")
    tested = [normalise(utterance.reference) for utterance in utterances]
    return {
        "against": against,
        "speakers_known": speakers_known,
        "shared_speakers": sorted(speakers & {utterance.speaker_id for utterance in utterances} - {""}),
        "shared_utterances": sorted(ids & {utterance.utterance_id for utterance in utterances}),
        "shared_sentences": sum(sentence in sentences for sentence in tested),
    }
