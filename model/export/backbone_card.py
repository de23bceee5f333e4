"""What a model card says of a pre-trained backbone: its use, what it learned and its limits."""

from __future__ import annotations

import json
from collections.abc import Iterator

from model.export.evaluation_summary import BackboneResult, EvaluationSummary
from model.export.markdown import cell
from model.export.release import Format, Release

PIPELINE_TAG = "feature-extraction"
TAGS = ("feature-extraction", "audio", "speech", "wav2vec2", "pretraining")
METRICS = ("contrastive_loss", "code_perplexity")
NOT_EVALUATED = "What it has learned is not known: it was measured on no speech, and has been fine-tuned for nothing."
SUMMARY = "Wav2Vec2 pre-trained on speech without transcripts, to be fine-tuned"

_SYNTHETIC_SUFFIX = "-synthetic"
_USE_BY_FORMAT: dict[Format, str] = {
    "saved_model": """\
```python
import tensorflow as tf

model = tf.saved_model.load(".")  # or hub.load(…)
outputs = model.signatures["encode"](
    waveform=waveform,        # float32 [batch, samples], {rate} Hz, as recorded, padded at the end
    num_samples=num_samples,  # int32 [batch], the samples of each that are no padding
)
outputs["last_hidden_state"], outputs["num_frames"]
```

To fine-tune, use `hub.KerasLayer(".", trainable=True)`: it takes normalised waveforms (`model.normalise(waveform)`) and
gives a hidden state for each frame, on which a head of your own stands. The signatures `serving_default` and
`with_lengths` take normalised `input_values`. The heads of pre-training are in the format checkpoint alone.
""",
    "onnx": """\
```python
from model.onnx_release import OnnxRelease  # of wav2vec2-tfx; needs no TensorFlow

states = OnnxRelease(".", "last_hidden_state").run(waveform)  # [frames, width]
```

`onnx/model.onnx` takes `input_values`, float32 `[batch, samples]`, {rate} Hz, each normalised to mean 0 and variance 1
where `preprocessor_config.json` says so, and gives `last_hidden_state` `[batch, frames, width]`. It knows no lengths:
give it utterances one by one, or of equal length.
""",
    "checkpoint": """\
```bash
w2v2 run --checkpoint . --corpus DIR   # of wav2vec2-tfx: fine-tune it on transcribed speech; it gets a CTC head
w2v2 convert . MODEL_DIRECTORY
```

transformers loads it, too: `Wav2Vec2ForPreTraining.from_pretrained(".")`, or `Wav2Vec2ForCTC` to fine-tune it.
""",
}


def results(evaluation: EvaluationSummary, format_: Format) -> Iterator[str]:
    """Yields the lines of the metadata's list of results, which are those of every format."""
    del format_
    for split in evaluation.backbone:
        corpus, part, both = (
            json.dumps(text, ensure_ascii=False)
            for text in (evaluation.corpus, split.name, f"{evaluation.corpus} {split.name}")
        )
        yield "  - task: {type: feature-extraction, name: Self-supervised pre-training}"
        yield f"    dataset: {{name: {both}, type: {corpus}, split: {part}}}"
        yield "    metrics:"
        yield f"    - {{type: contrastive_loss, value: {split.contrastive_loss:.4f}, name: Contrastive loss (nats)}}"
        yield f"    - {{type: code_perplexity, value: {split.code_perplexity:.2f}, name: Perplexity of the codes}}"


def use(release: Release, format_: Format) -> str:
    """Returns how the files of a format are used."""
    return _USE_BY_FORMAT[format_].replace("{rate}", str(release.sample_rate_hz))


def measured(evaluation: EvaluationSummary) -> Iterator[str]:
    """Yields what was measured, line by line."""
    yield f"On speech of the corpus {cell(evaluation.corpus)} that it was not trained on:"
    yield ""
    yield "| split | contrastive loss, nats | 95 % interval | accuracy | codes in use | utterances | masked frames |"
    yield "|---|---|---|---|---|---|---|"
    for split in evaluation.backbone:
        interval = "none" if split.low is None else f"{_range(split)} (over {split.unit}s)"
        codes = f"{split.code_perplexity:.1f} of {split.codes}"
        counts = f"{split.utterances:,} | {split.masked_frames:,}"
        accuracy = f"{100 * split.accuracy:.1f} %"
        yield f"| {cell(split.name)} | {split.contrastive_loss:.3f} | {interval} | {accuracy} | {codes} | {counts} |"
    yield ""
    negatives = max(split.negatives for split in evaluation.backbone)
    yield (
        f"The loss is that of telling what stands at a masked frame from {negatives} other masked frames of the"
        " utterance, and the accuracy the share for which that succeeds; codes in use is the perplexity of the chosen"
        f" codes, summed over the codebooks. {evaluation.judgement}:"
    )


def limits(evaluation: EvaluationSummary) -> Iterator[str]:
    """Yields what a user must not expect, one sentence or more each."""
    yield "It recognises nothing by itself: it gives vectors, on which a head has to be trained."
    yield (
        "The contrastive loss compares models that were measured on the same recordings; how well a backbone can be"
        " fine-tuned, only fine-tuning tells."
    )
    for split in evaluation.backbone:
        if _SYNTHETIC_SUFFIX in evaluation.corpus or split.name.endswith(_SYNTHETIC_SUFFIX):
            yield f"{cell(split.name)} is not spoken by people: it is the voice of a speech synthesiser."
        if split.unit == "utterance":
            yield (
                f"{cell(split.name)} has too few speakers to draw over, so its interval is over utterances and"
                " narrower than what other speakers would show."
            )


def _range(split: BackboneResult) -> str:
    return f"{split.low:.3f} to {split.high:.3f}"
