"""The ONNX files of a release, in the layout that Hugging Face's tools read.

onnx/model.onnx           `input_values` float32 [batch, samples], normalised → `logits` float32 [batch, frames, vocab];
                          of a backbone `last_hidden_state` float32 [batch, frames, width]
config.json               the architecture
preprocessor_config.json  how a waveform becomes `input_values`
vocab.json                id by token; this and what follows of a recogniser only
tokenizer_config.json     what the tokens mean
special_tokens_map.json   which tokens are no letters
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from model.audio import SAMPLE_RATE_HZ
from model.errors import ReleaseError
from model.export.servable import LOGITS, output_name, servable
from model.storage import replacing_directory
from model.text import PAD_TOKEN, UNKNOWN_TOKEN, WORD_DELIMITER_TOKEN, Vocabulary
from model.version import __version__

MODEL_FILE = "onnx/model.onnx"
DEFAULT_OPSET = 17
# Agreement with the Keras model, as a share of the largest value where that is above 1: float32 has seven digits.
MAX_DIFFERENCE = 1e-4

_CONTROL_FLOW = ("If", "Loop", "Scan")
# A protobuf, and so an ONNX file without external data, is smaller than 2 GiB.
_MAX_WEIGHT_BYTES = 2_000_000_000


def export_onnx(loaded: Any, directory: str | Path, opset: int = DEFAULT_OPSET) -> None:
    """Writes a model as an ONNX folder; it appears whole or not at all.

    The file is checked before it is kept: by ONNX's own checker, for control flow, which no fast runtime likes, and
    against the Keras model in onnxruntime.

    Args:
      loaded: A `LoadedModel`.
      directory: Where; a directory that stands there is replaced.
      opset: The version of ONNX's operators.

    Raises:
      ReleaseError: the ONNX file does not compute what the model computes, or the model is too large for one file.
      DiskFullError: there is no room left on the file system.
    """
    loaded = servable(loaded)
    weight_bytes = sum(variable.value.shape.num_elements() * 4 for variable in loaded.model.weights)
    if weight_bytes > _MAX_WEIGHT_BYTES:
        raise ReleaseError(
            f"A model in one ONNX file must have less than {_MAX_WEIGHT_BYTES / 1e9:g} GB of weights, and this one has"
            f" {weight_bytes / 1e9:.1f} GB; release a smaller one."
        )
    with replacing_directory(directory) as temporary:
        function = _scoring_function(loaded)
        path = temporary / MODEL_FILE
        path.parent.mkdir()
        # What is checked is the file, when nothing else of the conversion is left in memory.
        path.write_bytes(_convert(function, loaded, opset).SerializeToString(deterministic=True))
        _check(path, function, loaded.config.min_samples, output_name(loaded))
        for name, value in hugging_face_files(loaded).items():
            (temporary / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def hugging_face_files(loaded: Any) -> dict[str, dict[str, Any]]:
    """Returns the JSON files beside the model, by name: what transformers, optimum and transformers.js look for."""
    described = {
        "config.json": loaded.config.to_published(loaded.model.head),
        "preprocessor_config.json": dict(loaded.preprocessor),
    }
    if loaded.tokens is None:
        return described
    vocabulary: Vocabulary = loaded.tokens

    def token(text: str) -> str | None:
        return text if text in vocabulary.tokens else None

    special = {
        "bos_token": token("<s>"),
        "eos_token": token("</s>"),
        "pad_token": token(PAD_TOKEN),
        "unk_token": token(UNKNOWN_TOKEN),
    }
    return {
        **described,
        "vocab.json": vocabulary.to_mapping(),
        "tokenizer_config.json": {
            "tokenizer_class": "Wav2Vec2CTCTokenizer",
            "processor_class": "Wav2Vec2Processor",
            **special,
            "word_delimiter_token": token(WORD_DELIMITER_TOKEN),
            "do_lower_case": False,
            "replace_word_delimiter_char": " ",
        },
        "special_tokens_map.json": {name: text for name, text in special.items() if text is not None},
    }


def _scoring_function(loaded: Any) -> Any:
    import tensorflow as tf

    return tf.function(
        lambda input_values: {output_name(loaded): loaded.model(input_values)[0]},
        input_signature=[tf.TensorSpec([None, None], tf.float32, "input_values")],
    )


def _convert(function: Any, loaded: Any, opset: int) -> Any:
    import tf2onnx

    from model.export.onnx_graph import canonical

    model, _ = tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=opset)
    dimensions = {"input_values": ("batch", "samples"), output_name(loaded): ("batch", "frames", None)}
    return canonical(model, name=loaded.model.name, dimensions=dimensions, metadata=_metadata(loaded))


def _metadata(loaded: Any) -> dict[str, str]:
    """What the file says of itself. No WER: these bytes are what is evaluated."""
    of_recogniser = {}
    if loaded.tokens is not None:
        of_recogniser["vocabulary"] = json.dumps(loaded.tokens.to_mapping(), ensure_ascii=False)
    return {
        **of_recogniser,
        "wav2vec2_tfx_version": __version__,
        "sample_rate_hz": str(SAMPLE_RATE_HZ),
        "do_normalize": json.dumps(bool(loaded.preprocessor.get("do_normalize", True))),
        "source_checkpoint": json.dumps(loaded.manifest.get("source_checkpoint"), sort_keys=True, ensure_ascii=False),
        "model_digest": loaded.digest,
    }


def _check(path: Path, function: Any, min_samples: int, output: str = LOGITS) -> None:
    import onnx
    import onnxruntime

    onnx.checker.check_model(str(path), full_check=True)
    nodes = onnx.load(path, load_external_data=False).graph.node
    control_flow = sorted({node.op_type for node in nodes} & set(_CONTROL_FLOW))
    if control_flow:
        raise ReleaseError(f"The ONNX graph must hold no control flow, and holds {', '.join(control_flow)}.")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    for batch, samples in ((1, min_samples), (2, 2 * min_samples + 9_001)):
        waveforms = random.standard_normal((batch, samples), dtype=np.float32)
        expected = function(waveforms)[output].numpy()
        values = session.run([output], {"input_values": waveforms})[0]
        bound = MAX_DIFFERENCE * max(1.0, float(np.abs(expected).max()))
        difference = float(np.abs(values - expected).max()) if values.shape == expected.shape else float("inf")
        if not difference <= bound:
            raise ReleaseError(
                f"The {output} of the ONNX file must be within {bound:g} of the model's, and differ by {difference:g}"
                f" for {batch} utterances of {samples} samples; do not release this export."
            )
