"""The ways in which the release was run: what each made of the test set, how fast it was, how large the files are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.evaluation.markup import NOTHING, count, decimal, escape, percent, points, table
from components.evaluation.quantities import is_number, tell

_SHOWN_TEXTS = 10
_TITLES = {
    "batched": "batched by length",
    "alone": "alone",
    "constant": "alone, padded to a constant length",
    "onnx": "ONNX, alone",
    "onnx_int8": "ONNX in int8, alone",
    "beam_search": "batched, beam search with a language model",
    "checkpoint": "checkpoint, on a few utterances",
}
_LISTENERS = {"alone": "What the SavedModel heard", "onnx": "What the ONNX file heard"}
_FILES = {"saved_model": "SavedModel", "onnx": "ONNX"}


def ways_section(metrics: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns the section, HTML without its heading."""
    ways = _in_order(metrics.get("ways") or {})
    if not ways:
        return "<p>No way of running the model was compared with another.</p>"
    return _agreement(ways) + _texts(rows, next(iter(ways))) + _speed(metrics)


def silence_section(metrics: Mapping[str, Any]) -> str:
    """Returns what was heard in sounds without a word, HTML without its heading."""
    sounds = metrics.get("silence") or ()
    if not sounds:
        return "<p>No silence and no noise was run through the model.</p>"
    rows = [
        (
            escape(sound.get("name")),
            decimal(sound.get("seconds"), 1),
            *(_heard((sound.get("texts") or {}).get(way)) for way in _LISTENERS),
        )
        for sound in sounds
    ]
    return table(("Sound without a word", "Seconds", *_LISTENERS.values()), rows)


def _heard(text: str | None) -> str:
    if text == "":
        return "nothing"
    return f'<span class="outcome fail">{"no numbers" if text is None else escape(text)}</span>'


def _in_order(found: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is known of each way in the order of this page; a document that was read has lost its own."""
    known = {name: found[name] for name in _TITLES if name in found}
    return {**known, **found}


def _agreement(ways: Mapping[str, Mapping[str, Any]]) -> str:
    splits = list(dict.fromkeys(split for way in ways.values() for split in way.get("wer") or {}))
    rows = []
    for place, (name, way) in enumerate(ways.items()):
        rates, differences = way.get("wer") or {}, way.get("wer_difference") or {}
        padding = way.get("pad_to_samples")
        rows.append(
            (
                escape(_TITLES.get(name, name)),
                escape(str(way.get("decoder", "")).replace("_", " ")),
                f"to {count(padding)} samples" if padding else "none",
                count(way.get("utterances")),
                *(_rate(rates.get(split), differences.get(split), is_first=place == 0) for split in splits),
                percent(way.get("text_agreement"), 2),
                NOTHING if place == 0 else _logits(way.get("largest_logit_difference")),
            )
        )
    header = (
        "Way", "Decoder", "Padding", "Utterances", *(f"WER, {split}" for split in splits), "Same text",
        "Largest logit difference",
    )  # fmt: skip
    first = escape(_TITLES.get(next(iter(ways)), next(iter(ways))))
    note = f"<p>Texts, logits and the difference of the WER, in points, are compared with the first way, {first}.</p>"
    return table(header, rows, "numbers") + note


def _rate(wer: Any, difference: Any, is_first: bool) -> str:
    return percent(wer, 2) if is_first or not is_number(wer) else f"{percent(wer, 2)} ({points(difference)})"


def _logits(value: Any) -> str:
    if value == math.inf:
        return "infinite"
    return f"{value:.2g}" if is_number(value) else NOTHING


def _texts(rows: Sequence[Mapping[str, Any]], first: str) -> str:
    """Returns the first utterances of which another way made another text; a language model is meant to."""
    found = list(itertools.islice(_other_texts(rows, first), _SHOWN_TEXTS + 1))
    if not found:
        return ""
    more = "<p>More utterances have another text.</p>" if len(found) > _SHOWN_TEXTS else ""
    header = ("Utterance", "Way", "Text", f"Text of the first way, {_TITLES.get(first, first)}")
    return f"<h3>Other texts</h3>{table(header, found[:_SHOWN_TEXTS])}{more}"


def _other_texts(rows: Sequence[Mapping[str, Any]], first: str) -> Iterator[tuple[str, ...]]:
    for row in rows:
        texts = row.get("texts") or {}
        of_first = texts.get(first, row.get("hypothesis", ""))
        for name, text in texts.items():
            if name not in (first, "beam_search") and text != of_first:
                way = escape(_TITLES.get(name, name))
                yield (f"<code>{escape(row.get('utterance_id'))}</code>", way, escape(text), escape(of_first))


def _speed(metrics: Mapping[str, Any]) -> str:
    speed, sizes = _in_order(metrics.get("speed") or {}), metrics.get("sizes") or {}
    parts = []
    if speed:
        rows = [
            (
                escape(_TITLES.get(name, name)),
                tell(found.get("realtime_factor"), "times"),
                tell(found.get("median_seconds"), "seconds"),
                tell(found.get("p95_seconds"), "seconds"),
                count(found.get("utterances")),
            )
            for name, found in speed.items()
        ]
        header = ("Way", "Real time", "Median", "95 % are done in", "Utterances")
        parts.append(f"<h3>Speed</h3>{table(header, rows, 'numbers')}")
        parts.append("<p>Real time: seconds of speech in a second, on the machine that evaluated.</p>")
    if sizes:
        rows = [(escape(_FILES.get(name, name)), tell(size, "bytes")) for name, size in sizes.items()]
        parts.append(f"<h3>Size</h3>{table(('Files', 'Size'), rows, 'numbers')}")
    return "".join(parts)
