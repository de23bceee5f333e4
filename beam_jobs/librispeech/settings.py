"""What a person may choose about ingest."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Literal

from beam_jobs.librispeech.manifest import ManifestSettings
from beam_jobs.librispeech.manifest_fields import SPLIT_NAME
from model.alphabet import Alphabet
from model.settings import require
from model.text import ENGLISH_LETTERS, Vocabulary, librispeech_vocabulary, normalise_english

# Their numbers have five digits.
_MAX_SHARDS = 99_999
_UTTERANCES_PER_SHARD = 500
# So that two, four or eight workers have equal shares, also of a small corpus.
_SHARDS_MULTIPLE = 8


@dataclasses.dataclass(frozen=True)
class IngestSettings:
    """Settings of the job that turns a corpus into records.

    Attributes:
      sample_rate_hz: The rate that every file must have.
      min_samples: Shorter utterances are rejected; 400 samples give the first frame.
      max_samples: Longer utterances are rejected; LibriSpeech's longest has 35 s.
      max_reject_fraction: More rejects than this share of all utterances fail the job.
      num_shards_per_split: Files of each split; which utterance lands in which depends on its id alone. None: one for
        each 500 utterances, some 200 MB, made up to a multiple of eight.
      validation_speaker_fraction: Share of the training speakers that validate where there is no dev subset.
      transcripts: `required`, or `none`: every file of sound is then a record without words, as pre-training takes it;
        transcripts that are there are not looked at, and nobody is put aside to be tested on.
      transcript_normaliser: How transcripts are brought to their normal form: `english`, capitals and the apostrophe
        as LibriSpeech has them; or `unicode`, the letters of `alphabet`.
      alphabet: The letters that transcripts may have, and how a text is brought to them; only with `unicode`. What is
        spoken and is none of them makes a transcript a reject.
      subsets: Which subsets are read, where the corpus has more; none for all.
      splits: The TFX split of each subset, by its name; subsets that it does not name are left out. Without it, the
        beginning of a subset's name says where it belongs.
      manifest: How a manifest of own recordings is read.
    """

    sample_rate_hz: int = 16_000
    min_samples: int = 400
    max_samples: int = 560_000
    max_reject_fraction: float = 0.001
    num_shards_per_split: int | None = None
    validation_speaker_fraction: float = 0.1
    transcripts: Literal["required", "none"] = "required"
    transcript_normaliser: Literal["english", "unicode"] = "english"
    alphabet: Alphabet | None = None
    subsets: tuple[str, ...] = ()
    splits: Mapping[str, str] = dataclasses.field(default_factory=dict)
    manifest: ManifestSettings = dataclasses.field(default_factory=ManifestSettings)

    def __post_init__(self) -> None:
        require(self.sample_rate_hz == 16_000, f"ingest.sample_rate_hz must be 16000, not {self.sample_rate_hz}.")
        # The limits of the curated schema, which ExampleValidator holds the records against.
        require(self.min_samples >= 400, f"ingest.min_samples must be at least 400, not {self.min_samples}.")
        require(self.max_samples <= 560_000, f"ingest.max_samples must be 560000 at most, not {self.max_samples}.")
        require(
            self.max_samples >= self.min_samples,
            f"ingest.max_samples must be ingest.min_samples, {self.min_samples}, at least, not {self.max_samples}.",
        )
        require(
            0 <= self.max_reject_fraction <= 1,
            f"ingest.max_reject_fraction must be in [0, 1], not {self.max_reject_fraction}.",
        )
        require(
            self.num_shards_per_split is None or 1 <= self.num_shards_per_split <= _MAX_SHARDS,
            f"ingest.num_shards_per_split must be 1 to {_MAX_SHARDS}, or None, not {self.num_shards_per_split}.",
        )
        require(
            0 < self.validation_speaker_fraction < 1,
            f"ingest.validation_speaker_fraction must be in (0, 1), not {self.validation_speaker_fraction}.",
        )
        require(
            self.transcripts in ("required", "none"),
            f"ingest.transcripts must be 'required' or 'none', not {self.transcripts!r}.",
        )
        require(
            self.transcript_normaliser in ("english", "unicode"),
            f"ingest.transcript_normaliser must be 'english' or 'unicode', not {self.transcript_normaliser!r}.",
        )
        require(
            (self.transcript_normaliser == "unicode") == (self.alphabet is not None),
            "ingest.alphabet must be Alphabet(letters=…) with ingest.transcript_normaliser 'unicode', and be left out"
            f" with 'english'; change one of them, since with {self.transcript_normaliser!r} it is"
            f" {'left out' if self.alphabet is None else 'given'}.",
        )
        for subset, split in self.splits.items():
            require(
                SPLIT_NAME.fullmatch(split) is not None,
                "ingest.splits must give a name of small letters, digits, - and _, 64 at most, to each subset, not"
                f" {split!r} to {subset}.",
            )

    @property
    def needs_transcripts(self) -> bool:
        """Whether an utterance without words is a reject."""
        return self.transcripts == "required"

    @property
    def normalise(self) -> Callable[[str], str]:
        """Brings a transcript to its normal form."""
        return normalise_english if self.alphabet is None else self.alphabet

    @property
    def letters(self) -> str:
        """What the normal form is made of, so that a vocabulary can be checked before anything is trained."""
        return ENGLISH_LETTERS if self.alphabet is None else self.alphabet.spelt

    @property
    def vocabulary(self) -> Vocabulary:
        """The tokens of a CTC head that is made anew."""
        return librispeech_vocabulary() if self.alphabet is None else self.alphabet.vocabulary()

    def num_shards(self, utterances: int) -> int:
        """Returns the number of files of a split with so many utterances."""
        if self.num_shards_per_split is not None:
            return self.num_shards_per_split
        eights = math.ceil(max(1, utterances) / (_UTTERANCES_PER_SHARD * _SHARDS_MULTIPLE))
        return min(eights * _SHARDS_MULTIPLE, _MAX_SHARDS)
