"""The speech on which it is measured what int8 changes: records as ingest writes them, or recordings as they are."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from model.audio import SAMPLE_RATE_HZ, normalise, to_float
from model.errors import DataError
from model.examples import read_utterances
from model.recording import Recording

# A longer recording is cut into pieces of this length: one after another, as utterances are heard.
PIECE_SECONDS = 15

_Waveform = np.ndarray[Any, Any]


@dataclasses.dataclass(frozen=True)
class Speech:
    """Files of speech that a model was not trained on. No transcripts are needed: int8 is compared with float32.

    Attributes:
      records: TFRecord files of utterance records.
      recordings: Files of sound, of any kind and length.
    """

    records: tuple[str, ...] = ()
    recordings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.records or self.recordings)

    def read(self, count: int, do_normalize: bool, min_samples: int) -> list[_Waveform]:
        """Returns utterances, and pieces of recordings, as the model takes them: float32 `[samples]` each.

        Args:
          count: How many at most; the first ones. The order of records in their files comes from hashes of their ids;
            of each recording as many pieces are taken as it takes to have so many of all.
          do_normalize: Whether each is brought to mean 0 and variance 1.
          min_samples: Shorter ones, which give no frame, are passed over.

        Raises:
          DataError: a file is damaged or no speech, or nothing is long enough.
        """
        if not self or not count:
            return []
        utterances = (to_float(utterance.samples) for utterance in read_utterances(sorted(self.records)))
        long_enough = (
            waveform
            for waveform in itertools.chain(utterances, self._pieces(count, min_samples))
            if len(waveform) >= min_samples
        )
        found = [
            (normalise(waveform) if do_normalize else waveform).astype(np.float32)
            for waveform in itertools.islice(long_enough, count)
        ]
        if not found:
            files = [*self.records, *self.recordings]
            more = f" and {len(files) - 1} more" if len(files) > 1 else ""
            raise DataError(
                f"The speech on which int8 is measured must be at least {min_samples / SAMPLE_RATE_HZ:g} s long, and"
                f" none in {files[0]}{more} is; name longer recordings."
            )
        return found

    def _pieces(self, count: int, min_samples: int) -> Iterator[_Waveform]:
        of_each = math.ceil(count / max(len(self.recordings), 1))
        for file in self.recordings:
            pieces = (one for one in _cut(Recording(file).blocks()) if len(one) >= min_samples)
            yield from itertools.islice(pieces, of_each)


def _cut(blocks: Iterator[_Waveform]) -> Iterator[_Waveform]:
    """Yields a recording in pieces, of which the last may be shorter."""
    piece_samples = PIECE_SECONDS * SAMPLE_RATE_HZ
    held: list[_Waveform] = []
    for block in blocks:
        held.append(block)
        if sum(map(len, held)) >= piece_samples:
            joined = np.concatenate(held)
            whole = len(joined) // piece_samples * piece_samples
            yield from np.split(joined[:whole], whole // piece_samples)
            held = [joined[whole:]]
    if sum(map(len, held)):
        yield np.concatenate(held)
