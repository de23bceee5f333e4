"""What an evaluation hears: examples that ingest has written, or those of a corpus, and what was promised of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from beam_jobs import places
from beam_jobs.librispeech import IngestSettings, inspect_corpus
from beam_jobs.librispeech.ingest import INFO_FILE, ingest
from beam_jobs.librispeech.obtain import obtain_corpus
from model.errors import DataError

_TEST, _TRAIN = "test", "train"


@dataclasses.dataclass(frozen=True)
class ExampleSplits:
    """Examples, and which of their splits are evaluated.

    Attributes:
      examples_dir: What ingest has written.
      splits: In the order in which they are told.
      info: The content of `dataset_info.json`.
    """

    examples_dir: str
    splits: tuple[str, ...]
    info: Mapping[str, Any]

    def promised(self, split: str) -> dict[str, int]:
        """Returns how many utterances and words ingest has written."""
        found = self.info["splits"][split]
        return {"utterances": int(found["utterances"]), "words": int(found["words"])}

    def published(self, split: str) -> dict[str, Any] | None:
        """Returns `published_counts`, and as the entry `whole` whether there are as many here."""
        counts, here = published_counts(self.info, split), self.promised(split)
        if counts is None:
            return None
        return {**counts, "whole": all(count is None or count == here[name] for name, count in counts.items())}


def published_counts(info: Mapping[str, Any], split: str) -> dict[str, int | None] | None:
    """Returns the utterances and words that LibriSpeech's authors published of a split.

    A count that nobody published is None.

    Args:
      info: The content of `dataset_info.json`.
      split: Its name. Where it is not made of whole subsets of LibriSpeech, nothing was published of it.
    """
    names = info.get("splits", {}).get(split, {}).get("subsets") or []
    subsets, published = info.get("subsets", {}), info.get("published", {})
    if not names or not all(name in published and subsets.get(name, {}).get("splits") == [split] for name in names):
        return None
    words = [published[name].get("words") for name in names]
    return {
        "utterances": sum(published[name]["utterances"] for name in names),
        "words": None if None in words else sum(words),
    }


def is_examples(source: str) -> bool:
    """Tells whether a place holds what ingest has written."""
    return "://" not in source.replace("gs://", "") and places.is_file(places.join(places.absolute(source), INFO_FILE))


def open_examples(source: str, splits: Sequence[str]) -> ExampleSplits:
    """Opens what ingest has written.

    Args:
      source: Its directory, or an address in Cloud Storage.
      splits: Which are evaluated; none for those whose names begin with `test`, or, without one, all but `train`.

    Raises:
      DataError: it has no such split, or does not say what is in it.
    """
    examples = places.absolute(source)
    path = places.join(examples, INFO_FILE)
    try:
        info = places.read_json(path)
        every = {name: (int(one["utterances"]), int(one["words"])) for name, one in info["splits"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} must say what ingest has written, and does not: {error!r}; ingest again.") from error
    return ExampleSplits(examples, choose_splits(every, splits, examples), info)


def ingest_corpus(
    source: str,
    splits: Sequence[str],
    settings: IngestSettings,
    corpora_dir: str,
    place: str,
    make_pipeline: Callable[[], Any] | None,
) -> ExampleSplits:
    """Obtains a corpus and writes the records of the splits that are evaluated.

    Args:
      source: What `w2v2 ingest` takes.
      splits: As `open_examples` has them.
      settings: Of ingest.
      corpora_dir: Gets what is downloaded and unpacked.
      place: A directory for this alone, which gets the records.
      make_pipeline: Makes the Beam pipeline.

    Raises:
      W2v2Error: as `obtain_corpus` and `ingest` raise it; or the corpus has no such split.
    """
    obtained = obtain_corpus(source, corpora_dir)
    if obtained.subsets:
        settings = dataclasses.replace(settings, subsets=obtained.subsets)
    corpus = inspect_corpus(obtained.root, settings)
    chosen = choose_splits(corpus.splits, splits, corpus.root)
    if corpus.layout == "librispeech" and not settings.splits:
        # The rest of a large corpus is not read.
        settings = dataclasses.replace(
            settings, subsets=tuple(sorted({subset for split in chosen for subset in corpus.splits[split]}))
        )
    examples = places.join(place, "examples")
    info = ingest(obtained.root, examples, places.join(place, "staging"), settings, make_pipeline)
    return ExampleSplits(places.absolute(examples), chosen, info)


def choose_splits(known: Mapping[str, Any], asked: Sequence[str], where: str) -> tuple[str, ...]:
    """Returns the splits that are evaluated.

    Args:
      known: All that there are, by name.
      asked: Those that a person wants; none for those whose names begin with `test`, or, without one, all but `train`.
      where: For messages.

    Raises:
      DataError: there is no such split.
    """
    for split in asked:
        if split not in known:
            raise DataError(f"--split must be one of {', '.join(sorted(known))}, the splits of {where}, not {split!r}.")
    if asked:
        return tuple(dict.fromkeys(asked))
    tests = sorted(name for name in known if name.startswith(_TEST))
    found = tests or sorted(name for name in known if name != _TRAIN)
    if not found:
        raise DataError(
            f"{where} must have a split to evaluate on, and has {', '.join(sorted(known))} alone; name it with --split"
            " if that is meant."
        )
    return tuple(found)
