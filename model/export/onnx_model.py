"""The ONNX files of a release: one folder in the layout that Hugging Face's tools read, and below it one for onnx-asr.

onnx/model.onnx           `input_values` float32 [batch, samples], normalised → `logits` float32 [batch, frames, vocab];
                          of a backbone `last_hidden_state` float32 [batch, frames, width]
onnx/model_quantized.onnx the same with matrix products in int8; of a recogniser only, as is onnx_asr/
config.json, …            what `model.export.hugging_face_files` gives
onnx_asr/model.fp32.onnx  `input_values` float32 [batch, samples], sound as it is, and `input_lengths` int64 [batch] →
                          `logprobs` float32 [batch, frames, vocab]; not called model.onnx, since optimum takes any file
                          of that name, in whatever folder it finds it first
onnx_asr/config.json, …   what `model.export.onnx_asr_files` gives
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from model.audio import SAMPLE_RATE_HZ
from model.errors import ReleaseError
from model.export.hugging_face_files import hugging_face_files
from model.export.onnx_asr_files import ONNX_ASR_FILE, ONNX_ASR_FOLDER, onnx_asr_files
from model.export.onnx_graph.network import recognising_model, scoring_model
from model.export.onnx_graph.products import Precision
from model.export.quantisation import choose_quantisation
from model.export.servable import output_name, servable
from model.export.settings import ReleaseSettings
from model.export.speech import Speech
from model.normalisation import normalise_waveforms
from model.runtimes.choice import MODEL_FILE, QUANTIZED_FILE
from model.storage import replacing_directory
from model.version import __version__

# Agreement with the Keras model, as a share of the largest value where that is above 1: float32 has seven digits.
MAX_DIFFERENCE = 1e-4

_CONTROL_FLOW = ("If", "Loop", "Scan")
# A protobuf, and so an ONNX file without external data, is smaller than 2 GiB.
_MAX_WEIGHT_BYTES = 2_000_000_000


def export_onnx(
    loaded: Any, directory: str | Path, settings: ReleaseSettings | None = None, speech: Speech | None = None
) -> None:
    """Writes a model as an ONNX folder; it appears whole or not at all.

    Each file is checked before it is kept: by ONNX's own checker, for control flow, which no fast runtime likes, and in
    onnxruntime, those in float32 against the Keras model. What int8 costs is measured by the evaluator.

    Args:
      loaded: A `LoadedModel`.
      directory: Where; a directory that stands there is replaced.
      settings: The version of ONNX's operators, and how much int8 may change.
      speech: On which that is measured; without any, everything is quantised that can be.

    Raises:
      DataError: the speech cannot be read.
      ReleaseError: an ONNX file does not compute what the model computes, or the model is too large for one file.
      DiskFullError: there is no room left on the file system.
    """
    loaded, settings = servable(loaded), settings or ReleaseSettings()
    opset = settings.onnx_opset
    weights = {name: variable.numpy() for name, variable in _parameters(loaded.model).items()}
    weight_bytes = sum(array.nbytes for array in weights.values())
    if weight_bytes > _MAX_WEIGHT_BYTES:
        raise ReleaseError(
            f"A model in one ONNX file must have less than {_MAX_WEIGHT_BYTES / 1e9:g} GB of weights, and this one has"
            f" {weight_bytes / 1e9:.1f} GB; release a smaller one."
        )
    with replacing_directory(directory) as temporary:
        for name, value in hugging_face_files(loaded).items():
            (temporary / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        model = scoring_model(loaded.config, weights, "float32", opset, _metadata(loaded))
        _write(temporary / MODEL_FILE, model)
        _check_scores(temporary / MODEL_FILE, loaded, "float32")
        if loaded.tokens is None:
            return
        model = _quantised_model(loaded, weights, settings, speech or Speech())
        _write(temporary / QUANTIZED_FILE, model)
        _check_scores(temporary / QUANTIZED_FILE, loaded, "int8")
        model = recognising_model(
            loaded.config,
            weights,
            "float32",
            opset,
            _metadata(loaded),
            _do_normalize(loaded),
            loaded.tokens.blank_id,
        )
        _write(temporary / ONNX_ASR_FILE, model)
        _check_recognition(temporary / ONNX_ASR_FILE, loaded)
        for name, text in onnx_asr_files(loaded).items():
            (temporary / ONNX_ASR_FOLDER / name).write_text(text, encoding="utf-8")


def _quantised_model(
    loaded: Any, weights: dict[str, np.ndarray[Any, Any]], settings: ReleaseSettings, speech: Speech
) -> Any:
    config, opset = loaded.config, settings.onnx_opset
    heard = speech.read(settings.int8_utterances, _do_normalize(loaded), config.min_samples)
    least = settings.min_int8_text_agreement
    chosen = choose_quantisation(config, weights, heard, loaded.tokens, least, opset)
    metadata = {**_metadata(loaded, "int8"), **chosen.to_metadata()}
    return scoring_model(config, weights, "int8", opset, metadata, chosen.in_float32)


def _parameters(model: Any) -> dict[str, Any]:
    return {name: weight for name, weight in model.named_weights().items() if "seed_generator_state" not in name}


def _do_normalize(loaded: Any) -> bool:
    return bool(loaded.preprocessor.get("do_normalize", True))


def _metadata(loaded: Any, precision: Precision = "float32") -> dict[str, str]:
    """What a file says of itself. No WER: these bytes are what is evaluated."""
    of_recogniser = {}
    if loaded.tokens is not None:
        of_recogniser["vocabulary"] = json.dumps(loaded.tokens.to_mapping(), ensure_ascii=False)
    return {
        **of_recogniser,
        "wav2vec2_tfx_version": __version__,
        "sample_rate_hz": str(SAMPLE_RATE_HZ),
        "do_normalize": json.dumps(_do_normalize(loaded)),
        "precision": precision,
        "source_checkpoint": json.dumps(loaded.manifest.get("source_checkpoint"), sort_keys=True, ensure_ascii=False),
        "model_digest": loaded.digest,
    }


def _write(path: Path, model: Any) -> None:
    import onnx

    path.parent.mkdir(exist_ok=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    onnx.checker.check_model(str(path), full_check=True)
    control_flow = sorted({node.op_type for node in model.graph.node} & set(_CONTROL_FLOW))
    if control_flow:
        raise ReleaseError(f"The ONNX graph must hold no control flow, and holds {', '.join(control_flow)}.")


def _check_scores(path: Path, loaded: Any, precision: Precision) -> None:
    """Compares the graph for normalised waveforms with the Keras model; in int8, says only whether it gives numbers."""
    import tensorflow as tf

    session, output, min_samples = _session(path), output_name(loaded), loaded.config.min_samples
    function = tf.function(loaded.model, input_signature=[tf.TensorSpec([None, None], tf.float32)])
    random = np.random.default_rng(0)
    for batch, samples in ((1, min_samples), (2, 2 * min_samples + 9_001)):
        waveforms = random.standard_normal((batch, samples), dtype=np.float32)
        expected = function(waveforms)[0].numpy()
        values = session.run([output], {"input_values": waveforms})[0]
        told = f"for {batch} utterances of {samples} samples"
        if precision == "float32":
            _compare(output, values, expected, told)
        elif values.shape != expected.shape or not np.isfinite(values).all():
            raise ReleaseError(
                f"The {output} of the ONNX file in int8 must be numbers in the shape {list(expected.shape)}; they are"
                f" not {told}; do not release this export."
            )


def _check_recognition(path: Path, loaded: Any) -> None:
    """Compares the graph for sound as it is with the Keras model, masked, and both normalised."""
    import tensorflow as tf

    session, min_samples = _session(path), loaded.config.min_samples
    lengths = np.array([2 * min_samples + 9_001, min_samples, 3 * min_samples // 2], np.int64)
    sound = 0.1 * np.random.default_rng(0).standard_normal((3, lengths.max()), dtype=np.float32) + 0.05
    values = session.run(["logprobs"], {"input_values": sound, "input_lengths": lengths})[0]
    num_samples = tf.constant(lengths, tf.int32)
    valid = tf.sequence_mask(num_samples, sound.shape[1], dtype=tf.float32)
    waveforms = normalise_waveforms(sound, num_samples) if _do_normalize(loaded) else sound * valid
    logits, num_frames = tf.function(loaded.model)(waveforms, num_samples)
    expected = tf.nn.log_softmax(logits).numpy()
    for row, (samples, frames) in enumerate(zip(lengths, num_frames.numpy(), strict=True)):
        told = f"for an utterance of {samples} samples beside longer ones"
        _compare("logprobs", values[row, :frames], expected[row, :frames], told)


def _session(path: Path) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def _compare(output: str, values: Any, expected: Any, told: str) -> None:
    bound = MAX_DIFFERENCE * max(1.0, float(np.abs(expected).max()))
    difference = float(np.abs(values - expected).max()) if values.shape == expected.shape else float("inf")
    if not difference <= bound:
        raise ReleaseError(
            f"The {output} of the ONNX file must be within {bound:g} of the model's, and differ by {difference:g}"
            f" {told}; do not release this export."
        )
