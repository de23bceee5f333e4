"""What is known of a person's recordings before anything is trained: how many, by whom, in what letters, what is odd.

What ingest will do is asked of ingest's own code: which lines it takes, and which split each of them is in.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from beam_jobs.librispeech.corpus import TRAIN, VALIDATION
from beam_jobs.librispeech.settings import IngestSettings
from beam_jobs.places import printable
from model.audio import SAMPLE_RATE_HZ
from model.errors import DataError
from model.metrics.normaliser import get_normaliser
from pipeline.own_data.letters import Letters, find_letters
from pipeline.own_data.reading import Reading, how_to_read, placed
from pipeline.own_data.remarks import Remark, Split, remarks_on
from pipeline.own_data.sounds import Sounds, look_at
from pipeline.own_data.transcripts import Fault, Transcripts, Utterance, find_transcripts


@dataclasses.dataclass(frozen=True)
class Examination:
    """What was found, and how it will be read.

    Attributes:
      transcripts: The recordings and their texts.
      sounds: The files.
      letters: The letters.
      reading: How they will be read.
      splits: What is trained on, validates and is tested on, by name.
      rejects: What ingest will leave out, as far as it was seen.
      rejected_sounds: How many of these are for their sound, which only the files have told that were looked at.
      remarks: What a person should know.
    """

    transcripts: Transcripts
    sounds: Sounds
    letters: Letters
    reading: Reading
    splits: Mapping[str, Split]
    rejects: tuple[Fault, ...]
    rejected_sounds: int
    remarks: tuple[Remark, ...]

    @property
    def lines(self) -> int:
        """How many recordings are named, those that cannot be used included."""
        return len(self.transcripts.utterances) + len(self.transcripts.faults)

    @property
    def looked_at_share(self) -> float:
        """Which share of the files was looked at."""
        return self.sounds.looked_at / len({one.audio for one in self.transcripts.utterances})

    @property
    def expected_rejects(self) -> float:
        """How many recordings ingest will leave out.

        Where not all files were looked at, those for their sound are scaled up, with two standard errors of that
        estimate on top, so that chance alone does not fail the run.
        """
        scale = 1 / self.looked_at_share
        unseen = (scale - 1) * self.rejected_sounds
        margin = 2 * scale * math.sqrt(self.rejected_sounds * (1 - self.looked_at_share))
        return min(self.lines, len(self.rejects) + unseen + margin)

    @property
    def ingest(self) -> IngestSettings:
        """How ingest brings the transcripts to their letters, the limit of rejects aside."""
        alphabet = self.letters.alphabet
        if alphabet is None:
            return IngestSettings(manifest=self.reading.settings)
        return IngestSettings(transcript_normaliser="unicode", alphabet=alphabet, manifest=self.reading.settings)

    @property
    def tests(self) -> dict[str, Split]:
        """The splits that the model is tested on."""
        return {name: split for name, split in self.splits.items() if name not in (TRAIN, VALIDATION)}

    @property
    def seconds(self) -> float:
        """How long all recordings are that will be used."""
        return sum(split.seconds for split in self.splits.values())

    def to_json(self) -> dict[str, Any]:
        """Returns plain values, for `w2v2 init --json`."""
        found, letters = self.transcripts, self.letters
        seconds = sorted(sound.seconds for sound in self.sounds.by_path.values())
        return {
            "layout": found.layout,
            "named": found.named,
            "folder": str(found.folder),
            "corpus": self.reading.corpus,
            "recordings": self.lines,
            "seconds": self.seconds,
            "lengths_seconds": {"shortest": seconds[0], "median": statistics.median(seconds), "longest": seconds[-1]},
            "rates_hz": dict(collections.Counter(str(sound.rate_hz) for sound in self.sounds.by_path.values())),
            "formats": dict(collections.Counter(sound.format for sound in self.sounds.by_path.values())),
            "speakers_known": self.reading.speakers_known,
            "splits": {name: dataclasses.asdict(split) for name, split in self.splits.items()},
            "letters": {
                "normaliser": "english" if letters.alphabet is None else "unicode",
                "alphabet": None if letters.alphabet is None else dataclasses.asdict(letters.alphabet),
                "counts": dict(letters.counts),
                "rare": letters.rare,
                "refused": dict(letters.refused),
                "dropped": dict(letters.dropped),
                "scripts": dict(letters.scripts),
            },
            "language": letters.language,
            "rejects": [{"what": reject.what, "reason": reject.reason} for reject in self.rejects],
            "remarks": [dataclasses.asdict(remark) for remark in self.remarks],
        }


def examine(
    place: str,
    manifest_path: Path,
    choose_letters: Callable[[Sequence[str]], Letters] = find_letters,
) -> Examination:
    """Looks at recordings and their transcripts. Nothing is written.

    Args:
      place: A folder, or a table.
      manifest_path: Where a manifest would be written, if what is there cannot be read as it is.
      choose_letters: Makes an alphabet of the texts.

    Raises:
      UsageError: there is no such place, or it is not clear which table is meant.
      DataError: there is nothing that a model can be made of.
    """
    found = find_transcripts(place)
    if not found.utterances:
        raise DataError(
            f"A table must name a recording that can be used, and {found.named} names none"
            f"{_first_reason(found.faults)}; mend its lines."
        )
    letters = choose_letters([one.text for one in found.utterances])
    sounds = look_at([one.audio for one in found.utterances], IngestSettings().max_samples)
    if not sounds.by_path:
        raise DataError(_no_sound(found, sounds))
    reading = how_to_read(found, manifest_path)
    normalise = letters.alphabet or IngestSettings().normalise
    taken, refused = placed(found, reading, normalise)
    rejects = [*found.faults, *refused]
    before_sounds = len(rejects)
    usable: list[Utterance] = []
    missing = frozenset(sounds.missing)
    for one in taken:
        reason = _fault_of_sound(one.audio, sounds, missing)
        if reason:
            rejects.append(Fault(one.audio, reason))
        else:
            usable.append(one)
    splits = _splits(usable, sounds, letters, normalise, reading.speakers_known)
    if set(splits) <= {TRAIN, VALIDATION} or not {TRAIN, VALIDATION} <= set(splits):
        where = f"these are all in {' and '.join(splits)}" if splits else "none is left"
        raise DataError(
            f"There must be recordings to train on, to validate and to test; {len(usable):,} of"
            f" {len(found.utterances):,} can be used, and {where}{_first_reason(rejects)}; mend them, or record more."
        )
    return Examination(
        transcripts=found,
        sounds=sounds,
        letters=letters,
        reading=reading,
        splits=splits,
        rejects=tuple(rejects),
        rejected_sounds=len(rejects) - before_sounds,
        remarks=(*reading.remarks, *remarks_on(found, sounds, letters, usable, splits, rejects)),
    )


def _first_reason(rejects: Sequence[Fault]) -> str:
    return f" ({rejects[0].reason.rstrip('.')})" if rejects else ""


def _no_sound(found: Transcripts, sounds: Sounds) -> str:
    first = next(iter(sounds.faults.values()), "")
    reason = first or f"{sounds.missing[0]} is not there"
    return (
        f"A recording must be a file that can be read, and none of the {len(found.utterances):,} that {found.named}"
        f" names is ({reason.rstrip('.')}); correct the paths, which are relative to"
        " the table."
    )


def _fault_of_sound(audio: str, sounds: Sounds, missing: Collection[str]) -> str:
    if audio in sounds.faults:
        return sounds.faults[audio]
    sound = sounds.by_path.get(audio)
    if sound is None:
        return f"{printable(Path(audio).name)} is not there." if audio in missing else ""
    least = IngestSettings().min_samples
    if sound.samples < least:
        return f"{printable(Path(audio).name)} has less than {least / SAMPLE_RATE_HZ:g} s of sound."
    return ""


def _splits(
    usable: Sequence[Utterance],
    sounds: Sounds,
    letters: Letters,
    normalise: Callable[[str], str],
    speakers_known: bool,
) -> dict[str, Split]:
    # Where letters are counted, with the marks that stand on them: as the evaluation counts.
    as_compared = get_normaliser("characters")
    mean = statistics.fmean(sound.seconds for sound in sounds.by_path.values())
    by_split: dict[str, list[Utterance]] = collections.defaultdict(list)
    for one in usable:
        by_split[one.split].append(one)
    splits: dict[str, Split] = {}
    for name in sorted(by_split, key=lambda split: (split != TRAIN, split != VALIDATION, split)):
        ours = by_split[name]
        texts = [normalise(one.text) for one in ours]
        splits[name] = Split(
            utterances=len(ours),
            # Of files that were not looked at, the length is that of the others.
            seconds=sum(sounds.by_path[one.audio].seconds if one.audio in sounds.by_path else mean for one in ours),
            speakers=len({one.speaker for one in ours}) if speakers_known else None,
            words=sum(len((as_compared(text) if letters.parts_letters else text).split()) for text in texts),
        )
    return splits
