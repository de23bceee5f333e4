"""The SavedModel of a release: any batch, any length, fine-tunable, and able to transcribe by itself.

saved_model.pb     graphs: the callable for programs and TF Hub, the signatures for servers
variables/         the weights, in the order of the model
assets/vocab.json  id by token; of a backbone there is none
fingerprint.pb     TensorFlow's own hashes of these

The bytes depend on the model and the versions alone, if the export has a process to itself (`model.export.build`):
TensorFlow numbers the functions of a process, and the numbers end up in saved_model.pb.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from model.export.servable import HIDDEN_STATES, LOGITS, servable
from model.normalisation import normalise_waveforms
from model.storage import replacing_directory
from model.text import Vocabulary, text_of_token

TRANSCRIBE_SIGNATURE = "transcribe"
ENCODE_SIGNATURE = "encode"
VOCABULARY_FILE = "vocab.json"

_WAVEFORMS = tf.TensorSpec([None, None], tf.float32)
_NUM_SAMPLES = tf.TensorSpec([None], tf.int32)
# The default of a signature's lengths.
_ALL_VALID = tf.constant([], tf.int32)


def export_saved_model(loaded: Any, directory: str | Path) -> None:
    """Writes a model as a SavedModel; it appears whole or not at all.

    Example:
      >>> export_saved_model(load_model("model_directory"), "saved_model")
      >>> model = tf.saved_model.load("saved_model")  # or hub.load, or hub.KerasLayer(…, trainable=True)
      >>> logits = model(model.normalise(waveforms))
      >>> text = model.transcribe(waveforms)["text"]
      >>> text = model.transcribe(waveforms, num_samples)["text"]

    The random state of the model's dropout is set to a fixed value first, so that equal weights give equal variables.

    A model without a CTC head gives the hidden states of its backbone, and `encode` takes the place of `transcribe`;
    the heads of pre-training are left out.

    The signatures, for servers: `serving_default` (`input_values`), `with_lengths` (`input_values`, `num_samples`) and
    `transcribe` or `encode` (`waveform`, `num_samples`). `num_samples` has a default, all of each utterance, in the
    `SignatureDef`: TensorFlow Serving's gRPC interface and sessions of TensorFlow 1 take it. Its REST interface and
    `tf.saved_model.load(…).signatures` ask for every input of a signature, whatever its default (TensorFlow 2.16), and
    REST takes plain lists for signatures of one input only. So `serving_default` stays with one input, and lengths have
    a signature of their own.

    Args:
      loaded: A `LoadedModel`.
      directory: Where; a directory that stands there is replaced.

    Raises:
      DiskFullError: there is no room left on the file system.
    """
    loaded = servable(loaded)
    loaded.model.reseed(0)
    with tempfile.TemporaryDirectory() as assets, replacing_directory(directory) as temporary:
        vocabulary_path = Path(assets) / VOCABULARY_FILE
        if loaded.tokens is not None:
            vocabulary_path.write_text(
                json.dumps(loaded.vocabulary.to_mapping(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
            )
        module = _ReleasedModel(loaded.model, loaded.tokens, loaded.preprocessor, vocabulary_path)
        tf.saved_model.save(module, str(temporary), signatures=module.signature_functions())


def decoded_texts(logits: tf.Tensor, num_frames: tf.Tensor, vocabulary: Vocabulary) -> tf.Tensor:
    """Decodes greedily inside the graph, by the rule of `Vocabulary.decode_greedy`.

    Args:
      logits: float32 `[batch, frames, vocab]`.
      num_frames: int32 `[batch]`, the valid frames of each; 0 gives an empty text.
      vocabulary: The tokens.

    Returns:
      string `[batch]`.
    """
    token_ids = tf.argmax(logits, axis=-1, output_type=tf.int32)
    # One frame more in front, which equals no token: the first frame always begins a run.
    before = tf.pad(token_ids[:, :-1], [[0, 0], [1, 0]], constant_values=-1)
    valid = tf.range(tf.shape(token_ids)[1])[tf.newaxis, :] < num_frames[:, tf.newaxis]
    kept = valid & (token_ids != before) & (token_ids != vocabulary.blank_id)
    # White space becomes the space here, since RE2 knows only that of ASCII.
    texts = [re.sub(r"\s+", " ", text_of_token(token)) for token in vocabulary.tokens]
    letters = tf.gather(tf.constant(texts), token_ids)
    joined = tf.strings.reduce_join(tf.where(kept, letters, ""), axis=1)
    return tf.strings.strip(tf.strings.regex_replace(joined, r"\s+", " "))


class _ReleasedModel(tf.__internal__.tracking.AutoTrackable):
    """What is saved: variables, asset, functions. Keras itself is not, so that nothing of it is needed to load.

    Args:
      model: A `Wav2Vec2CTC`, or a `Wav2Vec2Headless`.
      vocabulary: The tokens of its head; None without one.
      preprocessor: The content of `preprocessor_config.json`; `do_normalize` says whether waveforms are normalised.
      vocabulary_path: The `vocab.json` that becomes the asset.
    """

    def __init__(
        self, model: Any, vocabulary: Vocabulary | None, preprocessor: Mapping[str, Any], vocabulary_path: Path
    ) -> None:
        super().__init__()
        # === What hub.KerasLayer looks for ===
        self.variables = [variable.value for variable in model.variables]
        # Only SpecAugment uses the vector of masked frames, and no function here has that: it would have no gradient.
        masked = model.backbone.masked_spec_embed
        self.trainable_variables = [variable.value for variable in model.trainable_variables if variable is not masked]
        self.regularization_losses: list[Any] = []
        # === Asset ===
        if vocabulary is not None:
            self.vocabulary_file = tf.saved_model.Asset(str(vocabulary_path))
        # === Functions ===
        do_normalise = bool(preprocessor.get("do_normalize", True))
        min_samples = model.config.min_samples
        output = LOGITS if vocabulary is not None else HIDDEN_STATES

        # The graph of the model stands in the file once without lengths and once with them; whatever else needs it,
        # calls these.
        @tf.function(input_signature=[_WAVEFORMS])
        def score_whole(input_values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return model(input_values)

        @tf.function(input_signature=[_WAVEFORMS, _NUM_SAMPLES])
        def score_valid(input_values: tf.Tensor, num_samples: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            values, num_frames = model(input_values, num_samples)
            return values, tf.maximum(num_frames, 0)

        def call(speech: tf.Tensor, training: bool = False, num_samples: tf.Tensor | None = None) -> tf.Tensor:
            if training:
                return model(speech, num_samples, training=True)[0]
            return (score_whole(speech) if num_samples is None else score_valid(speech, num_samples))[0]

        def normalise(waveform: tf.Tensor, num_samples: tf.Tensor | None = None) -> tf.Tensor:
            if do_normalise:
                return normalise_waveforms(waveform, num_samples)
            if num_samples is None:
                return waveform
            return waveform * tf.sequence_mask(num_samples, tf.shape(waveform)[1], dtype=tf.float32)

        def score(input_values: tf.Tensor) -> dict[str, tf.Tensor]:
            values, num_frames = score_whole(input_values)
            return {output: values, "num_frames": num_frames}

        def score_with_lengths(input_values: tf.Tensor, num_samples: tf.Tensor = _ALL_VALID) -> dict[str, tf.Tensor]:
            values, num_frames = score_valid(input_values, _given(num_samples, input_values))
            return {output: values, "num_frames": num_frames}

        def encode(waveform: tf.Tensor, num_samples: tf.Tensor = _ALL_VALID) -> dict[str, tf.Tensor]:
            samples = tf.shape(waveform)[1]
            num_samples = tf.clip_by_value(_given(num_samples, waveform), 0, samples)
            # What is too short for a single frame is silence with an empty text, not an error for the whole batch.
            padded = tf.pad(waveform, [[0, 0], [0, tf.maximum(min_samples - samples, 0)]])
            values, num_frames = score_valid(normalise(padded, num_samples), num_samples)
            return {output: values, "num_frames": num_frames}

        def transcribe(waveform: tf.Tensor, num_samples: tf.Tensor = _ALL_VALID) -> dict[str, tf.Tensor]:
            assert vocabulary is not None
            outputs = encode(waveform, num_samples)
            return {"text": decoded_texts(outputs[output], outputs["num_frames"], vocabulary), **outputs}

        self.__call__ = tf.function(call)
        for training in (False, True):
            self.__call__.get_concrete_function(_WAVEFORMS, training=training)
            self.__call__.get_concrete_function(_WAVEFORMS, training=training, num_samples=_NUM_SAMPLES)
        self.normalise = tf.function(normalise)
        self.normalise.get_concrete_function(_WAVEFORMS)
        self.normalise.get_concrete_function(_WAVEFORMS, num_samples=_NUM_SAMPLES)
        self._score = tf.function(score, input_signature=[_named(_WAVEFORMS, "input_values")])
        self._score_with_lengths = tf.function(
            score_with_lengths,
            input_signature=[_named(_WAVEFORMS, "input_values"), _named(_NUM_SAMPLES, "num_samples")],
        )
        of_sound = tf.function(
            encode if vocabulary is None else transcribe,
            input_signature=[_named(_WAVEFORMS, "waveform"), _named(_NUM_SAMPLES, "num_samples")],
        )
        self._of_sound = of_sound
        self._signature_of_sound = ENCODE_SIGNATURE if vocabulary is None else TRANSCRIBE_SIGNATURE

        # For programs: signatures of a loaded SavedModel know no defaults, functions do.
        def hear(waveform: tf.Tensor, num_samples: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
            return of_sound(waveform, _ALL_VALID if num_samples is None else num_samples)

        heard = tf.function(hear)
        heard.get_concrete_function(_WAVEFORMS)
        heard.get_concrete_function(_WAVEFORMS, num_samples=_NUM_SAMPLES)
        setattr(self, self._signature_of_sound, heard)

    def signature_functions(self) -> dict[str, Any]:
        """Returns the functions for servers, by the name of their signature."""
        return {
            "serving_default": self._score,
            "with_lengths": self._score_with_lengths,
            self._signature_of_sound: self._of_sound,
        }


def _given(num_samples: tf.Tensor, waveforms: tf.Tensor) -> tf.Tensor:
    """The lengths that were given; where none were, that of the batch for each."""
    batch, samples = tf.unstack(tf.shape(waveforms))
    absent = tf.where(tf.equal(tf.size(num_samples), 0), batch, 0)
    # No condition: control flow keeps graphs from being optimised. A wrong number of lengths stays an error.
    return tf.concat([num_samples, tf.fill([absent], samples)], axis=0)


def _named(spec: tf.TensorSpec, name: str) -> tf.TensorSpec:
    return tf.TensorSpec(spec.shape, spec.dtype, name)
