"""Evaluations of made-up and of real transcripts, in the form of `metrics.json` and `utterances.jsonl`."""

import random
from pathlib import Path
from typing import Any

import numpy as np

from components.evaluation.gate import Check, decision_of
from model.metrics import ScoringSettings, Transcript, score

CHECKS = (
    Check("data_anomalies", "PASS", "ExampleValidator found no anomaly in the data.", 0, 0),
    Check("max_wer/test-a", "PASS", "The WER of test-a is within the ceiling.", 0.5, 0.25, (0.1, 0.4)),
    Check("baseline", "NOT APPLICABLE", "There is no blessed model to compare with yet.", 0.01),
)
WAYS = ("batched", "alone", "constant", "onnx", "beam_search")


def decision(*checks):
    return decision_of([*CHECKS, *checks], ("max_wer/",))


def transcripts(texts, subset="test-a"):
    """Utterances of two speakers, by id; each id is `<speaker>-<chapter>-<number>`."""
    return [
        Transcript(
            utterance_id=name,
            text=text,
            speaker=name.split("-")[0],
            gender="FM"[int(name.split("-")[0]) % 2] if name[0].isdigit() else "F",
            subset=subset,
            seconds=1.0 + len(text) / 14,
        )
        for name, text in texts.items()
    ]


def evaluated(references_by_split, heard, baseline=None, **changes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Returns metrics and rows of an evaluation.

    `heard` and `baseline` are texts by id; `changes` take the place of values of the metrics.
    """
    splits, rows = {}, []
    settings = ScoringSettings(resamples=100, margin=None if baseline is None else 0.01)
    for split, references in references_by_split.items():
        ids = [one.utterance_id for one in references]
        theirs = None if baseline is None else {name: baseline[name] for name in ids}
        found = score(references, {name: heard[name] for name in ids}, theirs, settings)
        words = found.system.words
        counts = {"utterances": words.utterances, "words": words.reference}
        splits[split] = {**found.to_mapping(), "promised": counts, "published": None}
        known = {one.utterance_id: one for one in references}
        rows += [
            {
                **row.to_mapping(),
                "split": split,
                "speaker_id": known[row.utterance_id].speaker,
                "gender": known[row.utterance_id].gender,
                "seconds": known[row.utterance_id].seconds,
                "texts": dict.fromkeys(WAYS, heard[row.utterance_id]),
            }
            for row in found.rows
        ]
    rates = {split: found["words"]["wer"] for split, found in splits.items()}
    metrics = {
        "format_version": 2,
        "expected_splits": list(splits),
        "splits": splits,
        "ways": {name: _way(name, len(rows), rates) for name in WAYS},
        "speed": {
            name: {"realtime_factor": 42.5, "median_seconds": 0.05, "p95_seconds": 0.11, "utterances": len(rows)}
            for name in ("alone", "onnx")
        },
        "sizes": {"saved_model": 6_400_000, "onnx": 5_300_000},
        "silence": [
            {"name": "digital silence", "seconds": 5.0, "texts": {"alone": "", "onnx": ""}},
            {"name": "white noise", "seconds": 5.0, "texts": {"alone": "A", "onnx": None}},
        ],
        "leakage": {"against": ["train"], "shared_speakers": [], "shared_utterances": [], "shared_sentences": 2},
        "anomalies": {"train": []},
        "training": None,
        "model_digest": "5" * 64,
        "release_digest": "6" * 64,
        "release_name": "a-model",
        "source_checkpoint": {"name": "a-checkpoint", "sha256": "7" * 64},
        "corpus": {"root_name": "a-corpus", "fingerprint": "8" * 64},
        "code": {"version": "0.1.0", "fingerprint": "9" * 64},
        "configuration": {"name": "local", "gate": {"max_wer": 0.1, "first_run": "accept"}},
        "baseline": None
        if baseline is None
        else {
            "same": False, "error": None, "model_digest": "a" * 64, "release_digest": "b" * 64, "release_name": "old",
        },
    }  # fmt: skip
    return {**metrics, **changes}, rows


def _way(name, utterances, rates):
    return {
        "utterances": utterances,
        "text_agreement": 1.0,
        "largest_logit_difference": 0.0 if name == "batched" else 1.5e-5,
        "wer": rates,
        "wer_difference": dict.fromkeys(rates, 0.0),
        "pad_to_samples": 246_000 if name == "constant" else 0,
        "decoder": "beam_search" if name == "beam_search" else "greedy",
    }


def noise(rows, ids):
    """Returns sound of the rows' lengths by id."""
    seconds = {row["utterance_id"]: row["seconds"] for row in rows}
    generator = np.random.default_rng(5)
    return {name: generator.integers(-3000, 3000, int(16_000 * seconds[name]), dtype=np.int16) for name in ids}


def large(utterances, seed=1) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Returns metrics and rows of a test set like test-other, by two systems that err, of 33 speakers."""
    words = Path("beam_jobs/synthetic_corpus/broad_words.txt").read_text().lower().split()
    lengths = [int(one) / 16_000 for one in Path("benchmarks/librispeech_durations.txt").read_text().split()]
    draw = random.Random(seed)
    texts, seconds = {}, {}
    for number in range(utterances):
        name = f"{1000 + number % 33}-1-{number:04d}"
        seconds[name] = draw.choice(lengths)
        texts[name] = " ".join(draw.choices(words, k=max(1, round(2.7 * seconds[name]))))

    def spoilt(text, rate):
        heard = []
        for word in text.split():
            chance = draw.random() / rate
            if chance < 0.7:
                heard.append(draw.choice(words))
            elif chance < 0.9:
                heard += [word, draw.choice(words)]
            elif chance >= 1.0:
                heard.append(word)
        return " ".join(heard)

    references = [
        Transcript(one.utterance_id, one.text, one.speaker, one.gender, "test-other", seconds[one.utterance_id])
        for one in transcripts(texts)
    ]
    heard = {name: spoilt(text, 0.085) for name, text in texts.items()}
    baseline = {name: spoilt(text, 0.1) for name, text in texts.items()}
    return evaluated({"test-other": references}, heard, baseline)
