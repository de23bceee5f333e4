"""Recordings in Greek, spoken by espeak-ng, as somebody would have them: a folder of sound, and a table of texts.

Sentences are made of a few words in any order, so that a small model can learn them in a minute.
"""

import random

import numpy as np
import soundfile
import soxr

from beam_jobs.synthetic_corpus.speakers import Speaker
from beam_jobs.synthetic_corpus.voice import Voice

WHO = ["η Άννα", "ο Γιάννης", "η μητέρα", "ο δάσκαλος", "η Ελένη", "ο Πέτρος"]
DOES = ["βλέπει", "ακούει", "θέλει", "φέρνει", "αγοράζει", "ξέρει"]
WHAT = ["το σπίτι", "τη θάλασσα", "ένα βιβλίο", "δύο ψωμιά", "τρία μήλα", "την ωραία μουσική"]
WHEN = ["σήμερα", "αύριο", "τώρα", "πάντα", "κάθε μέρα", "το βράδυ"]
_VARIANTS = ("m1", "f1", "m3", "f4", "m4", "Annie", "m2", "m5", "linda", "m7", "belinda")


def sentences(count, seed):
    """So many sentences as people write them, with capitals and punctuation."""
    source = random.Random(seed)
    made = []
    for _ in range(count):
        words = [source.choice(part) for part in (WHO, DOES, WHAT, WHEN)]
        text = " ".join(words)
        made.append(f"{text[0].upper()}{text[1:]}{source.choice(['.', '!', ';', '…'])}")
    return made


def speakers(count):
    """So many voices, no two alike."""
    return [
        Speaker(
            speaker_id=f"ομιλητής-{index + 1}", subset="", gender="", voice=f"grk/el+{_VARIANTS[index % 11]}",
            pitch=36 + 5 * (index % 7), pitch_range=50, words_per_minute=150 + 6 * (index % 5), gain=0.8, noise=0.001,
        )
        for index in range(count)
    ]  # fmt: skip


def record(folder, num_speakers, each, seed=1):
    """Writes recordings below `ηχογραφήσεις/`, WAV and FLAC of several rates; returns path, text, speaker."""
    (folder / "ηχογραφήσεις").mkdir(parents=True)
    voice, rows = Voice(), []
    for speaker_index, speaker in enumerate(speakers(num_speakers)):
        for index, text in enumerate(sentences(each, f"{seed} {speaker_index}")):
            samples = voice.speak(speaker, text).astype(np.float32) / 32768
            rate = (16_000, 22_050, 44_100)[speaker_index % 3]
            kind = "flac" if speaker_index % 2 else "wav"
            noise = np.random.default_rng(1000 * speaker_index + index).standard_normal(len(samples)) * speaker.noise
            sound = soxr.resample(0.8 * samples + noise, voice.rate_hz, rate)
            name = f"ηχογραφήσεις/{speaker_index + 1:02d}-{index + 1:03d}.{kind}"
            soundfile.write(folder / name, sound, rate, subtype="PCM_16")
            rows.append((name, text, speaker.speaker_id))
    return rows


def write_table(path, rows, header=("path", "sentence", "client_id")):
    """Writes the table of recordings."""
    lines = [header, *rows] if header else rows
    path.write_text("".join("\t".join(row) + "\n" for row in lines), encoding="utf-8")
