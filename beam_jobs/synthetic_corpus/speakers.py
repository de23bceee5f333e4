"""The speakers of the synthetic corpus: no two of them sound the same."""

from __future__ import annotations

import dataclasses
import random

from beam_jobs.synthetic_corpus.settings import SyntheticCorpusSettings

_LANGUAGES = ("gmw/en-US", "gmw/en", "gmw/en-GB-x-rp", "gmw/en-GB-scotland")
# Variants whose definition has a `breath` (f2, f3, f5 and others) sound different in each process, so none is here.
_VARIANTS = (
    ("m1", "M"),
    ("f1", "F"),
    ("m2", "M"),
    ("Annie", "F"),
    ("m3", "M"),
    ("f4", "F"),
    ("m4", "M"),
    ("belinda", "F"),
    ("m5", "M"),
    ("linda", "F"),
    ("m7", "M"),
)
# The broad corpus has voices of odd pitch, the default one of even pitch: whatever the seeds, they share none.
_PITCH_PARITY = {"grammar": 0, "broad": 1}
_FIRST_ID = {"grammar": 10_001, "broad": 20_001}


@dataclasses.dataclass(frozen=True)
class Speaker:
    """A voice of espeak-ng, and the room that it speaks in.

    Attributes:
      speaker_id: A number, as LibriSpeech has it.
      subset: The subset of the corpus.
      gender: `F` or `M`, by the variant of the voice.
      voice: The voice and its variant, as espeak-ng names them.
      pitch: 0 to 100; espeak-ng's own default is 50.
      pitch_range: 0 to 100; 50 is the default.
      words_per_minute: The rate of speech.
      gain: Factor on the samples.
      noise: Standard deviation of the white noise in the room, full scale being 1.
    """

    speaker_id: str
    subset: str
    gender: str
    voice: str
    pitch: int
    pitch_range: int
    words_per_minute: int
    gain: float
    noise: float


def speakers(settings: SyntheticCorpusSettings) -> list[Speaker]:
    """Returns the speakers of a corpus, training first."""
    source = random.Random(f"speakers {settings.text} {settings.seed}")  # noqa: S311 — no secret is made here
    subsets = (
        ["train-synthetic"] * settings.train_speakers
        + ["dev-synthetic"] * settings.dev_speakers
        + ["test-synthetic"] * settings.test_speakers
    )
    voices: list[Speaker] = []
    for index, subset in enumerate(subsets):
        # 4 languages and 11 variants have no common divisor: 44 speakers before a pair comes again, with another pitch.
        variant, gender = _VARIANTS[index % len(_VARIANTS)]
        taken = {(voice.voice, voice.pitch) for voice in voices}
        name = f"{_LANGUAGES[index % len(_LANGUAGES)]}+{variant}"
        free = [
            pitch for pitch in range(30, 72) if pitch % 2 == _PITCH_PARITY[settings.text] and (name, pitch) not in taken
        ]
        voices.append(
            Speaker(
                speaker_id=str(_FIRST_ID[settings.text] + index),
                subset=subset,
                gender=gender,
                voice=name,
                pitch=source.choice(free),
                pitch_range=source.randint(35, 65),
                words_per_minute=source.randint(140, 195),
                gain=source.uniform(0.5, 0.95),
                noise=10 ** source.uniform(-3.3, -2.5),
            )
        )
    return voices
