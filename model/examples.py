"""The utterance record: one `tf.train.Example` for each utterance. This is the one place that knows its features.

| feature | type | meaning |
|---|---|---|
| `utterance_id` | bytes | unique in the corpus |
| `speaker_id`, `chapter_id` | bytes | |
| `gender` | bytes | `F`, `M`, or empty where unknown |
| `subset` | bytes | such as `train-clean-100` |
| `sample_rate_hz` | int64 | 16000 after ingest |
| `num_samples` | int64 | |
| `audio` | bytes | mono little-endian int16 PCM |
| `transcript` | bytes | in the normal form of the corpus |

TensorFlow is imported when a record is read, not before; making one needs none.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from model.errors import DataError

AUDIO = "audio"
# What may be looked at without listening: StatisticsGen sees these, and not the audio.
METADATA_FEATURES = (
    "chapter_id",
    "gender",
    "num_samples",
    "sample_rate_hz",
    "speaker_id",
    "subset",
    "transcript",
)
_TEXT_FEATURES = ("utterance_id", "speaker_id", "chapter_id", "gender", "subset", "transcript")
_NUMBER_FEATURES = ("sample_rate_hz", "num_samples")


@dataclasses.dataclass(frozen=True, eq=False)
class Utterance:
    """What one person said in one breath, and what is known of it.

    Attributes:
      utterance_id: Unique in the corpus.
      speaker_id: Who speaks.
      chapter_id: In which recording.
      gender: `F`, `M`, or empty where unknown.
      subset: The subset of the corpus.
      sample_rate_hz: The rate of the samples.
      samples: int16 `[num_samples]`.
      transcript: What is said, in the normal form of the corpus.
    """

    utterance_id: str
    speaker_id: str
    chapter_id: str
    gender: str
    subset: str
    sample_rate_hz: int
    samples: np.ndarray[Any, Any]
    transcript: str

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.sample_rate_hz


def encode(utterance: Utterance) -> bytes:
    """Returns the record of an utterance; equal utterances give equal bytes."""
    return b"".join(encode_in_pieces(utterance))


def encode_in_pieces(utterance: Utterance) -> tuple[bytes, memoryview, bytes]:
    """Returns the record of an utterance as what stands before its samples, its samples, and what stands after them.

    The samples are not copied, and no TensorFlow is needed. The bytes are those that protobuf's deterministic
    serialisation of a `tf.train.Example` gives: features sorted by name, so that `audio` is the first.
    """
    samples = np.ascontiguousarray(utterance.samples, "<i2").data.cast("B")
    numbers = {"num_samples": len(utterance.samples), "sample_rate_hz": utterance.sample_rate_hz}
    # Of a Feature, field 1 is bytes_list and field 3 is int64_list, whose values are packed.
    entries = {name: _text_entry(name, getattr(utterance, name)) for name in _TEXT_FEATURES}
    entries |= {name: _entry(name, 3, _varint(number)) for name, number in numbers.items()}
    after = b"".join(entries[name] for name in sorted(entries))
    before = _entry_head(AUDIO, 1, len(samples))
    return _head(1, len(before) + len(samples) + len(after)) + before, samples, after


# Speakers, chapters and subsets are those of the utterance before.
@functools.lru_cache(maxsize=1024)
def _text_entry(name: str, text: str) -> bytes:
    return _entry(name, 1, text.encode())


def _entry(name: str, kind: int, content: bytes) -> bytes:
    return _entry_head(name, kind, len(content)) + content


def _entry_head(name: str, kind: int, content_bytes: int) -> bytes:
    """Returns what stands before the content of an entry of the map of features.

    It has one value, in a list, in a Feature, in an entry with its key, in Features: each says how long it is.
    """
    in_list = _head(1, content_bytes)
    in_feature = _head(kind, len(in_list) + content_bytes) + in_list
    in_entry = _KEYS[name] + _head(2, len(in_feature) + content_bytes) + in_feature
    return _head(1, len(in_entry) + content_bytes) + in_entry


def _head(field: int, content_bytes: int) -> bytes:
    """Returns tag and length of a field of wire type 2, https://protobuf.dev/programming-guides/encoding."""
    return _SMALL_VARINTS[field << 3 | 2] + _varint(content_bytes)


def _varint(number: int) -> bytes:
    if number < len(_SMALL_VARINTS):
        return _SMALL_VARINTS[number]
    return _SMALL_OCTETS[number & 0x7F] + _varint(number >> 7)


_SMALL_VARINTS = [bytes((number,)) for number in range(128)]
_SMALL_OCTETS = [bytes((number | 0x80,)) for number in range(128)]
_KEYS = {name: _head(1, len(name)) + name.encode() for name in (*_TEXT_FEATURES, *_NUMBER_FEATURES, AUDIO)}


# More than stands before the samples of any record that `encode` makes.
HEAD_BYTES = 64


def num_samples_of_head(head: bytes) -> int | None:
    """Returns how many samples a record has, by its first bytes: `encode` puts `audio` in front.

    Args:
      head: The first `HEAD_BYTES` of a record, or all of a shorter one.

    Returns:
      The number of samples; None where something else stands in front, as another writer may have it.
    """
    span = _audio_of_head(head)
    return None if span is None else span[1] // 2


def end_of_audio(head: bytes) -> int | None:
    """Returns where the samples of a record end, by its first bytes, as `num_samples_of_head` takes and tells them."""
    span = _audio_of_head(head)
    return None if span is None else sum(span)


def _audio_of_head(head: bytes) -> tuple[int, int] | None:
    """Returns where the samples of a record begin, and how many bytes they have; None where it begins otherwise."""
    place = 0
    # The Features of an Example, and their first entry.
    for tag in (0x0A, 0x0A):
        place = _after_length(head, place, tag)[1]
        if not place:
            return None
    key = _KEYS[AUDIO]
    if head[place : place + len(key)] != key:
        return None
    place += len(key)
    content_bytes = 0
    # The Feature, its list of bytes, its only value.
    for tag in (0x12, 0x0A, 0x0A):
        content_bytes, place = _after_length(head, place, tag)
        if not place:
            return None
    return place, content_bytes


def _after_length(head: bytes, place: int, tag: int) -> tuple[int, int]:
    """Returns the length that stands at a place behind a tag, and the place behind it; (0, 0) where none does."""
    if place >= len(head) or head[place] != tag:
        return 0, 0
    number = shift = 0
    for index in range(place + 1, min(place + 11, len(head))):
        number |= (head[index] & 0x7F) << shift
        shift += 7
        if head[index] < 0x80:
            return number, index + 1
    return 0, 0


def num_samples_of(record: bytes) -> int:
    """Returns how many samples a record has, whatever stands in front in it.

    Raises:
      DataError: the bytes are no utterance record.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        return len(_one(tf.train.Example.FromString(record).features.feature, AUDIO, "bytes_list")) // 2
    except (DecodeError, ValueError) as error:
        raise DataError(f"A record must be an utterance as ingest writes it: {error}.") from error


def decode(record: bytes) -> Utterance:
    """Returns the utterance of a record.

    Raises:
      DataError: the bytes are no utterance record, or its audio is not as long as it says.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        features = tf.train.Example.FromString(record).features.feature
        text = {name: _one(features, name, "bytes_list").decode() for name in _TEXT_FEATURES}
        numbers = {name: _one(features, name, "int64_list") for name in _NUMBER_FEATURES}
        samples = np.frombuffer(_one(features, AUDIO, "bytes_list"), "<i2")
    except (DecodeError, UnicodeDecodeError, ValueError) as error:
        raise DataError(f"A record must be an utterance as ingest writes it: {error}.") from error
    if len(samples) != numbers["num_samples"]:
        raise DataError(
            f"The record {text['utterance_id']} must hold num_samples={numbers['num_samples']} samples, and holds"
            f" {len(samples)}."
        )
    return Utterance(**text, sample_rate_hz=numbers["sample_rate_hz"], samples=samples)


def decode_texts(after_audio: bytes) -> dict[str, str]:
    """Returns the texts of a record, such as its transcript, by name, from what stands behind its samples.

    Args:
      after_audio: The bytes from `end_of_audio` on.

    Raises:
      DataError: they are no such part of an utterance record.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        # What is left is a whole message, too: an Example's features are a list of entries.
        features = tf.train.Features.FromString(after_audio).feature
        return {name: _one(features, name, "bytes_list").decode() for name in _TEXT_FEATURES}
    except (DecodeError, UnicodeDecodeError, ValueError) as error:
        raise DataError(f"A record must be an utterance as ingest writes it: {error}.") from error


def read_utterances(files: Iterable[str]) -> Iterator[Utterance]:
    """Yields the utterances of TFRecord files, in their order.

    Raises:
      DataError: a file is damaged, or a record is no utterance.
    """
    import tensorflow as tf

    for file in files:
        try:
            for record in tf.data.TFRecordDataset(file).as_numpy_iterator():
                yield decode(bytes(record))
        except (tf.errors.DataLossError, tf.errors.NotFoundError) as error:
            raise DataError(f"{file} must be a whole file of records: {error.message}.") from error


def _one(features: Any, name: str, kind: str) -> Any:
    if name not in features:
        raise ValueError(f"it has no feature {name}")
    values = getattr(features[name], kind).value
    if len(values) != 1:
        raise ValueError(f"its feature {name} has {len(values)} values of {kind}, not one")
    return values[0]
