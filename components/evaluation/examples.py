"""The examples that an evaluator measures on, what ingest promised of them, and their texts without their sound."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from beam_jobs import places
from beam_jobs.evaluation.batches import spread
from model.errors import DataError
from model.examples import HEAD_BYTES, Utterance, decode, decode_texts, end_of_audio, read_utterances
from model.record_index import RecordIndex, opened, read_index

INFO_FILE = "dataset_info.json"

# Texts lie behind the sound of each record, some 200 KB apart: what lies between is fetched with them.
_AHEAD_BYTES = 8 << 20


def read_info(examples_dir: str | Path) -> Mapping[str, Any]:
    """Returns what ingest said of its examples; nothing where it said nothing."""
    place = places.join(places.absolute(examples_dir), INFO_FILE)
    return places.read_json(place) if places.is_file(place) else {}


def read_split(examples_dir: str | Path, split: str) -> list[Utterance]:
    """Returns the utterances of a split; none where there is no such split.

    Raises:
      DataError: a shard is damaged, or a record is no utterance.
    """
    return [utterance for shard in _shards(examples_dir, split) for utterance in _read_shard(shard)]


def _read_shard(shard: str) -> list[Utterance]:
    with places.here(shard, tempfile.gettempdir()) as path:
        try:
            return list(read_utterances([str(path)]))
        except DataError as error:
            raise DataError(str(error).replace(str(path), shard)) from error


def read_texts(examples_dir: str | Path, split: str) -> Iterator[dict[str, str]]:
    """Yields the texts of the utterances of a split, by name, such as `transcript`, shard by shard.

    Their sound is not read, and so the checksums of the records, which are over all of them, are not looked at.

    Raises:
      DataError: a shard is not whole, or a record is no utterance.
    """
    index = _index(examples_dir, split)
    if index is not None:
        yield from (texts for _, texts in _numbered_texts(index))


def read_sound(examples_dir: str | Path, splits: Iterable[str], utterance_ids: Iterable[str]) -> dict[str, Any]:
    """Returns the samples, int16 `[samples]`, of some utterances by their ids; what is not there is left out.

    Args:
      examples_dir: The examples.
      splits: Where to look.
      utterance_ids: Whose sound is read, and nobody else's.

    Raises:
      DataError: a shard is damaged, or a record is no utterance.
    """
    wanted, found = set(utterance_ids), {}
    for split in splits:
        index = None if found.keys() == wanted else _index(examples_dir, split)
        for number, texts in () if index is None else _numbered_texts(index):
            assert index is not None
            if texts["utterance_id"] in wanted:
                found[texts["utterance_id"]] = decode(index.read(number)).samples
                if found.keys() == wanted:
                    break
    return found


def _index(examples_dir: str | Path, split: str) -> RecordIndex | None:
    """Returns where the records of a split are; None where it has no shard."""
    shards = _shards(examples_dir, split)
    return read_index(shards, split, places.open_file) if shards else None


def _shards(examples_dir: str | Path, split: str) -> list[str]:
    directory = places.join(places.absolute(examples_dir), f"Split-{split}")
    return [places.join(directory, name) for name in places.list_names(directory)]


def _numbered_texts(index: RecordIndex) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields the number of each record with its texts; each shard is opened once."""
    for place, file in enumerate(index.files):
        with opened(file, places.open_file, _AHEAD_BYTES) as read:
            for number in np.flatnonzero(index.file_numbers == place).tolist():
                yield number, _texts(index, number, read)


def _texts(index: RecordIndex, number: int, read: Callable[[int, int], bytes]) -> dict[str, str]:
    offset, size = int(index.offsets[number]), int(index.sizes[number])
    end = end_of_audio(read(offset, min(size, HEAD_BYTES)))
    if end is not None:
        return decode_texts(read(offset + end, size - end))
    # Another writer has laid it out.
    utterance = decode(index.read(number))
    return {name: getattr(utterance, name) for name in ("utterance_id", "speaker_id", "transcript")}


def spread_by_length(utterances: Sequence[Utterance], count: int) -> list[int]:
    """Returns the indices of some utterances, spread over all lengths, the shortest and the longest among them.

    Args:
      utterances: In any order.
      count: How many, at most.
    """
    order = sorted(range(len(utterances)), key=lambda index: len(utterances[index].samples))
    return sorted(order[place] for place in spread(len(order), count))
