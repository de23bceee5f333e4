"""How long scoring with all its statistics takes: 5,000 utterances, 1,000 resamples, 10 slices, and a baseline.

    .venv/bin/python benchmarks/evaluate_statistics.py

The utterances are of 15 words; the two systems are made up and get 5 and 4 % of the words wrong. What is timed is the
whole of `score`: alignment by jiwer, counts of words and characters, the intervals of WER and difference for the whole
set and for each of 10 subsets, and the matched-pairs test. Once where nobody knows who spoke, so that utterances are
drawn, and once with 200 speakers, each of whom is a slice more. The claim is on the slower of the two.
"""

from __future__ import annotations

import random
import sys
import time

from _measuring import claim, finish

from model.metrics import ScoringSettings, Transcript, score

UTTERANCES = 5_000
WORDS = 15
SPEAKERS = 200
RESAMPLES = 1_000
SLICES = 10


def main() -> int:
    draw = random.Random(1)
    vocabulary = [f"word{number}" for number in range(2_000)]
    texts = {str(number): [draw.choice(vocabulary) for _ in range(WORDS)] for number in range(UTTERANCES)}
    system, baseline = (
        {
            name: " ".join(draw.choice(vocabulary) if draw.random() < rate else word for word in text)
            for name, text in texts.items()
        }
        for rate in (0.05, 0.04)
    )
    # Subsets of unequal sizes share no draws.
    subsets = [str(min(int(SLICES * draw.random() ** 1.5), SLICES - 1)) for _ in texts]
    seconds = {}
    for name, speakers in (("utterances", 0), ("speakers", SPEAKERS)):
        references = [
            Transcript(one, " ".join(text), str(number % speakers) if speakers else None, subset=subsets[number])
            for number, (one, text) in enumerate(texts.items())
        ]
        began = time.perf_counter()
        found = score(references, system, baseline, ScoringSettings(resamples=RESAMPLES))
        seconds[name] = time.perf_counter() - began
        assert len(found.slices) == SLICES + speakers
        assert all(one.difference is not None and one.interval.low < one.interval.high for one in found.slices)
    return finish(
        {"statistics_seconds": claim(max(seconds.values()), 10.0)},
        {
            "utterances": UTTERANCES,
            "resamples": RESAMPLES,
            "slices": SLICES,
            "seconds_drawing_utterances": round(seconds["utterances"], 3),
            "seconds_drawing_speakers": round(seconds["speakers"], 3),
        },
    )


if __name__ == "__main__":
    sys.exit(main())
