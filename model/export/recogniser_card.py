"""What a model card says of a recogniser: its use, its error rates and its limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from model.export.evaluation_summary import EvaluationSummary, SplitResult
from model.export.markdown import cell
from model.export.release import ONNX, Format, Release

_SYNTHETIC_SUFFIX = "-synthetic"
_USE_BY_FORMAT: dict[Format, str] = {
    "saved_model": """\
```python
import tensorflow as tf

model = tf.saved_model.load(".")  # or hub.load(…)
outputs = model.signatures["transcribe"](
    waveform=waveform,        # float32 [batch, samples], {rate} Hz, as recorded, padded at the end
    num_samples=num_samples,  # int32 [batch], the samples of each that are no padding
)
outputs["text"], outputs["logits"], outputs["num_frames"]
```

To fine-tune, use `hub.KerasLayer(".", trainable=True)`: it takes normalised waveforms (`model.normalise(waveform)`) and
gives logits. The signatures `serving_default` and `with_lengths` take normalised `input_values`.
""",
    "onnx": """\
```python
from model.transcriber import Transcriber  # of wav2vec2-tfx; needs no TensorFlow

print(Transcriber(".").transcribe("some.flac").text)
```

`onnx/model.onnx` takes `input_values`, float32 `[batch, samples]`, {rate} Hz, each normalised to mean 0 and variance 1
where `preprocessor_config.json` says so, and gives `logits` `[batch, frames, vocab]`. It knows no lengths: give it
utterances one by one, or of equal length. `onnx/model_quantized.onnx` is the same with products in int8: smaller and
faster on most processors, and now and then it hears something else. `onnx_asr/` is for the library onnx-asr: it takes
sound as it is, with lengths.
""",
    "checkpoint": """\
```bash
w2v2 run --checkpoint . --corpus DIR   # of wav2vec2-tfx: fine-tune it on other speech
w2v2 convert . MODEL_DIRECTORY
```

transformers loads it, too: `Wav2Vec2ForCTC.from_pretrained(".")`, with `Wav2Vec2Processor`.
""",
}

PIPELINE_TAG = "automatic-speech-recognition"
TAGS = ("automatic-speech-recognition", "audio", "speech", "wav2vec2", "ctc")
METRICS = ("wer",)
NOT_EVALUATED = "How many errors it makes is not known: not on any test set, speaker, accent, microphone or noise."
SUMMARY = "Wav2Vec2 with a CTC head for speech recognition"


def results(evaluation: EvaluationSummary, format_: Format) -> Iterator[str]:
    """Yields the lines of the metadata's list of results: those of the test sets, and of the format's own files."""
    for split in evaluation.splits:
        title = "WER" if split.low is None else f"WER (95 % interval {_range(split)})"
        corpus, part, both = (
            json.dumps(text, ensure_ascii=False)
            for text in (evaluation.corpus, split.name, f"{evaluation.corpus} {split.name}")
        )
        measured_by: dict[str, Any] = {"command": evaluation.command}
        if split.low is not None:
            measured_by |= {"interval_95_percent": _bounds(split), "interval_over": split.unit}
        arguments = json.dumps(measured_by, ensure_ascii=False)
        yield "  - task: {type: automatic-speech-recognition, name: Automatic Speech Recognition}"
        yield f"    dataset: {{name: {both}, type: {corpus}, split: {part}}}"
        yield "    metrics:"
        yield (
            f"    - {{type: wer, value: {100 * split.wer:.2f}, name: {json.dumps(title, ensure_ascii=False)},"
            f" args: {arguments}}}"
        )
        for way in evaluation.ways:
            # What is run as SavedModel is told by the line before; the files of ONNX have results of their own.
            if format_ == ONNX and way.name.startswith(ONNX) and split.name in way.wer:
                name = json.dumps(f"WER, {way.title}", ensure_ascii=False)
                yield f"    - {{type: wer, value: {100 * way.wer[split.name]:.2f}, name: {name}}}"


def use(release: Release, format_: Format) -> str:
    """Returns how the files of a format are used."""
    return _USE_BY_FORMAT[format_].replace("{rate}", str(release.sample_rate_hz))


def measured(evaluation: EvaluationSummary) -> Iterator[str]:
    """Yields what was measured, line by line."""
    yield f"On the test splits of the corpus {cell(evaluation.corpus)}, other parts of which it was trained on:"
    yield ""
    yield "| test split | WER | 95 % interval | utterances | words | speakers |"
    yield "|---|---|---|---|---|---|"
    for split in evaluation.splits:
        interval = "none" if split.low is None else f"{_range(split)} (over {split.unit}s)"
        counts = f"{split.utterances:,} | {split.words:,} | {'unknown' if split.speakers is None else split.speakers}"
        yield f"| {cell(split.name)} | {_percent(split.wer)} | {interval} | {counts} |"
    yield ""
    yield from _ways(evaluation)
    yield "Measured by the pipeline that made these files; this command of wav2vec2-tfx measures them again:"
    yield ""
    yield "```bash"
    yield cell(evaluation.command).replace("`", "")
    yield "```"
    yield ""
    yield f"Greedy decoding, no language model, unless said otherwise. {evaluation.judgement}:"


def limits(evaluation: EvaluationSummary) -> Iterator[str]:
    """Yields what a user must not expect, one sentence or more each."""
    for split in evaluation.splits:
        yield (
            f"About {100 * split.wer:.0f} errors in 100 words of {cell(split.name)}. Nothing is known of other"
            " speakers, accents, microphones, noise or subjects; measure it on your own recordings before you rely"
            " on it."
        )
        if split.name.endswith(_SYNTHETIC_SUFFIX):
            yield (
                f"{cell(split.name)} is not spoken by people: it is the voice of a speech synthesiser. On people's"
                " speech expect far more errors."
            )
        if split.unit == "utterance":
            yield (
                f"{cell(split.name)} has too few speakers to draw over, so its interval is over utterances and"
                " narrower than what other speakers would show."
            )
    yield "The text holds the letters of vocab.json only: no punctuation, and no digits where there are none in it."
    yield (
        f"Measured on {cell(evaluation.corpus)} and on nothing else: no other language, no other corpus, no speech over"
        " music or other speech, no stream."
    )
    yield (
        "It may write words for sound that is no speech. How sure it is, only the scores of its letters tell, and"
        " nobody has measured how far they can be believed."
    )


def _ways(evaluation: EvaluationSummary) -> Iterator[str]:
    """Yields the table of all ways in which the files were run on the test sets."""
    if not evaluation.ways:
        return
    names = [split.name for split in evaluation.splits]
    yield "In each way of running the files of this release:"
    yield ""
    yield f"| way | {' | '.join(f'WER of {cell(name)}' for name in names)} | same text as the first |"
    yield "|---" * (len(names) + 2) + "|"
    for way in evaluation.ways:
        rates = " | ".join(f"{100 * way.wer[name]:.2f} %" if name in way.wer else "none" for name in names)
        same = "unknown" if way.text_agreement is None else f"{100 * way.text_agreement:.2f} %"
        yield f"| {cell(way.title)} | {rates} | {same} |"
    yield ""


def _bounds(split: SplitResult) -> list[float]:
    assert split.low is not None
    assert split.high is not None
    return [round(100 * split.low, 2), round(100 * split.high, 2)]


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


def _range(split: SplitResult) -> str:
    assert split.low is not None
    assert split.high is not None
    return f"{100 * split.low:.1f} to {_percent(split.high)}"
