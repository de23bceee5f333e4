"""Small folders of recordings in the layouts that people have, for tests of `w2v2 init`: noise, and its transcripts."""

import csv

import numpy as np
import soundfile

GREEK = ["Καλημέρα κόσμε!", "Τι κάνεις σήμερα;", "Πάμε μαζί στη θάλασσα.", "Το ψωμί είναι ζεστό."]


def sound(path, seconds=1.0, rate=16_000, seed=0, level=0.1, channels=1):
    """Writes a file of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).standard_normal((int(seconds * rate), channels)) * level
    soundfile.write(path, np.clip(noise, -1, 1), rate, subtype="PCM_16")
    return path


def rows_of(folder, speakers=6, each=4, texts=GREEK):
    """Writes recordings; returns rows of path, text and speaker."""
    rows = []
    for speaker in range(speakers):
        for index in range(each):
            name = f"clips/{speaker}-{index}.wav"
            sound(folder / name, seconds=1.0 + 0.1 * index, seed=100 * speaker + index)
            rows.append((name, texts[(speaker + index) % len(texts)], f"speaker-{speaker}"))
    return rows


def table(path, rows, header=("audio", "text", "speaker"), separator="\t"):
    """Writes a table of such rows."""
    lines = ([header] if header else []) + [row[: len(header) if header else 2] for row in rows]
    if separator == "\t":
        path.write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=separator).writerows(lines)
    return path
