"""The latest blessed model, run again on this run's test set; a word error rate that was stored is never compared."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from beam_jobs.evaluation import BATCHED, HeardUtterance
from components.evaluation.quantities import tell
from model.errors import CheckpointError, ReleaseError
from model.export.release import ONNX, Release, read_whole_release
from model.metrics import TextNormaliser
from model.text import Vocabulary, text_of_token

# Of the letters that were said; a model that cannot write so many is one for another script.
_MAX_UNKNOWN_LETTERS = 0.5
_SHOWN_LETTERS = 10

_VOCABULARY_FILE = "vocab.json"


@dataclasses.dataclass(frozen=True, eq=False)
class Baseline:
    """What is known of the latest blessed model.

    Attributes:
      told: What `metrics.json` says of it; None where there is none.
      texts: What it heard, by utterance id and by split; None where it cannot be compared, which `told` gives a reason
        for.
    """

    told: dict[str, Any] | None = None
    texts: Mapping[str, Mapping[str, str]] | None = None


def hear_baseline(
    baseline_dir: str | Path | None,
    release: Release,
    by_split: Mapping[str, Sequence[HeardUtterance]],
    normalise: TextNormaliser,
    hear: Callable[[str | Path], Sequence[HeardUtterance]],
) -> Baseline:
    """Runs the latest blessed model, unless it is the candidate itself.

    Whatever keeps it from being compared is for the gate to judge, and the gate fails closed.

    Args:
      baseline_dir: Its release; None where no model was blessed yet.
      release: The candidate.
      by_split: What the candidate heard, by split.
      normalise: What is done to texts before they are compared.
      hear: Runs a release, in batches, over the same splits.
    """
    if baseline_dir is None:
        return Baseline()
    told: dict[str, Any] = {
        "same": False,
        "error": None,
        "note": None,
        "model_digest": None,
        "release_digest": None,
        "release_name": None,
    }
    try:
        other = read_whole_release(baseline_dir)
        told |= {name: getattr(other, name) for name in ("model_digest", "release_digest")}
        told["release_name"] = other.name
        if other.model_digest == release.model_digest:
            return Baseline({**told, "same": True})
        vocabulary = _vocabulary(baseline_dir, other)
        if other.files_of(ONNX).get(_VOCABULARY_FILE) != release.files_of(ONNX).get(_VOCABULARY_FILE):
            told["note"] = _note(vocabulary, by_split, normalise)
        return Baseline(told, _texts(baseline_dir, hear(baseline_dir), by_split))
    except (ReleaseError, CheckpointError) as error:
        return Baseline({**told, "error": str(error)})


def _vocabulary(baseline_dir: str | Path, release: Release) -> Vocabulary:
    if _VOCABULARY_FILE not in release.files_of(ONNX):
        raise ReleaseError(f"{baseline_dir} must be the release of a recogniser, and has no {ONNX}/{_VOCABULARY_FILE}.")
    return Vocabulary.from_file(Path(baseline_dir) / ONNX / _VOCABULARY_FILE)


def _note(vocabulary: Vocabulary, by_split: Mapping[str, Sequence[HeardUtterance]], normalise: TextNormaliser) -> str:
    """Returns what there is to say of another vocabulary.

    Raises:
      ReleaseError: its texts cannot be compared with what was said.
    """
    written = set("".join(normalise(text_of_token(token)) for token in vocabulary.tokens))
    said = collections.Counter(
        letter
        for utterances in by_split.values()
        for utterance in utterances
        for letter in normalise(utterance.reference)
        if letter != " "
    )
    unknown = {letter: count for letter, count in said.items() if letter not in written}
    if not unknown:
        return "Its vocabulary is another one, and has all letters that were said."
    share = sum(unknown.values()) / sum(said.values())
    shown = " ".join(sorted(unknown, key=lambda letter: -unknown[letter])[:_SHOWN_LETTERS])
    missing = f"its vocabulary lacks {tell(share, 'fraction')} of the letters that were said, such as {shown}"
    if share > _MAX_UNKNOWN_LETTERS:
        raise ReleaseError(
            f"its texts cannot be compared with what was said: with the normaliser {normalise.name!r}, {missing};"
            " choose a normaliser that brings both to one form, or give this model a configuration of its own name."
        )
    return f"Mind that {missing}."


def _texts(
    baseline_dir: str | Path, heard: Sequence[HeardUtterance], by_split: Mapping[str, Sequence[HeardUtterance]]
) -> dict[str, dict[str, str]]:
    texts: dict[str, dict[str, str]] = {split: {} for split in by_split}
    for utterance in heard:
        texts.setdefault(utterance.split, {})[utterance.utterance_id] = utterance.by_way[BATCHED.name].text
    for split, utterances in by_split.items():
        if texts[split].keys() != {utterance.utterance_id for utterance in utterances}:
            raise ReleaseError(
                f"{baseline_dir} must be heard on the same utterances as the candidate, and on {split} it was not; run"
                " again with --no-cache."
            )
    return texts
