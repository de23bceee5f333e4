"""Whether a converted model gives what the published implementation gives, module by module.

Reference activations are an `.npz` file: `waveform`, float32 `[samples]`, and for any number of modules
`output:<name>`, float32 `[frames, channels]`, under the module's name in transformers' model, such as
`output:wav2vec2.encoder.layers.0.attention`, and `output:logits` for the model itself.
`tests/golden/wav2vec2/make.py --activations` writes one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import CheckpointError

MAX_ABSOLUTE = 1e-4
MAX_RELATIVE = 1e-5

_OUTPUT = "output:"
# What NumPy and zipfile say of files that are damaged, or something else.
_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
_RENAMED = (
    (re.compile(r"feature_extractor/conv_(\d+)$"), r"feature_extractor/conv_layers/\1/conv"),
    (re.compile(r"feature_extractor/norm_(\d+)$"), r"feature_extractor/conv_layers/\1/layer_norm"),
    (re.compile(r"encoder/layer_(\d+)"), r"encoder/layers/\1"),
    (re.compile(r"adapter/conv_(\d+)$"), r"adapter/layers/\1/conv"),
)


@dataclasses.dataclass(frozen=True)
class ModuleDifference:
    """How far a module's output is from the reference.

    Attributes:
      name: The module, by its name in transformers.
      absolute: The largest difference.
      relative: ‖ours − reference‖ / ‖reference‖.
    """

    name: str
    absolute: float
    relative: float

    @property
    def agrees(self) -> bool:
        """Whether both are within the bounds of this module."""
        return self.absolute <= MAX_ABSOLUTE and self.relative <= MAX_RELATIVE


def require_parity(model: Any, activations: str | Path) -> dict[str, Any]:
    """Holds a model against reference activations.

    Args:
      model: A `Wav2Vec2CTC`, `Wav2Vec2PreTraining` or `Wav2Vec2Headless`.
      activations: The file.

    Returns:
      What the conversion report says of it: the file's sha256, how many modules were compared, and the largest
      differences.

    Raises:
      CheckpointError: the file is no such file, it names a module that the model does not have, or an output differs.
    """
    from model.storage import sha256_of_file

    differences = compare(model, activations)
    worst = max(differences, key=lambda difference: (not difference.agrees, difference.relative))
    if not worst.agrees:
        failed = sum(not difference.agrees for difference in differences)
        raise CheckpointError(
            f"The converted model must give the activations in {activations}, to {MAX_ABSOLUTE:g} absolute and"
            f" {MAX_RELATIVE:g} relative; {failed} of {len(differences)} modules do not, {worst.name} by"
            f" {worst.absolute:.1e} and {worst.relative:.1e}: were they made from this very checkpoint?"
        )
    return {
        "sha256": sha256_of_file(activations),
        "modules": len(differences),
        "max_absolute": max(difference.absolute for difference in differences),
        "max_relative": max(difference.relative for difference in differences),
    }


def compare(model: Any, activations: str | Path) -> list[ModuleDifference]:
    """Runs a model on the reference's waveform and returns how far each module is from it, in the file's order.

    Raises:
      CheckpointError: the file is no such file, or it names a module that the model does not have.
    """
    reference = _read(activations)
    waveform = reference.pop("waveform")
    if len(waveform) < model.config.min_samples:
        raise CheckpointError(
            f"The waveform in {activations} must have {model.config.min_samples} samples or more, not {len(waveform)}."
        )
    ours = module_outputs(model, waveform)
    return [_difference(name, ours, expected, activations) for name, expected in reference.items()]


def module_outputs(model: Any, waveform: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Returns the output of every module for one utterance, float32 `[frames, channels]`, by its published name.

    Args:
      model: A `Wav2Vec2CTC`, `Wav2Vec2PreTraining` or `Wav2Vec2Headless`.
      waveform: float32 `[samples]`.
    """
    found: dict[str, np.ndarray[Any, Any]] = {}

    def recording(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def record(*args: Any, **kwargs: Any) -> Any:
            result = call(*args, **kwargs)
            first = result[0] if isinstance(result, tuple) else result
            # Inside of the encoder there are frames only, without a batch.
            found[name] = np.asarray(first if len(first.shape) == 2 else first[0], np.float32)
            return result

        return record

    with contextlib.ExitStack() as patched:
        for layer in _layers(model):
            # On the instance, and past Keras, which would take the function for a part of the model.
            object.__setattr__(layer, "call", recording(_published_name(layer.path, model), layer.call))
            patched.callback(object.__delattr__, layer, "call")
        encoder = model.backbone.feature_extractor
        # The model takes norms and factors of activations into the convolutions, where nobody looks.
        encoder.layer_by_layer = True
        patched.callback(setattr, encoder, "layer_by_layer", False)
        model(waveform[None])
    # What it gives where nobody looks is what is released.
    result = model(waveform[None])
    if model.head == "ctc":
        found["logits"] = np.asarray(result[0][0])
    elif model.head == "pretraining":
        found["projected_states"] = np.asarray(result.projected_states[0])
        found["projected_quantized_states"] = np.asarray(result.projected_quantized_states[0])
    else:
        found["last_hidden_state"] = np.asarray(result[0][0])
    return found


def _layers(model: Any) -> Iterator[Any]:
    for layer in model._flatten_layers(include_self=False):  # noqa: SLF001 — Keras has no public name for it
        # A backbone that stands alone is the model itself.
        if "dropout" not in layer.name and (layer is not model.backbone or model.head != "none"):
            yield layer


def _published_name(path: str, model: Any) -> str:
    name = path.partition("/")[2]
    for pattern, replacement in _RENAMED:
        name = pattern.sub(replacement, name)
    backbone, _, rest = name.partition("/")
    if backbone == "wav2vec2":
        name = rest if model.head == "none" else f"{model.config.model_type}/{rest}".rstrip("/")
    return name.replace("/", ".")


def _read(path: str | Path) -> dict[str, np.ndarray[Any, Any]]:
    try:
        # Opened here: NumPy leaves a file open that it cannot read.
        with open(path, "rb") as stream:
            file = np.load(stream, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")  # noqa: TRY004 — the file is wrong, not the program
            reference = {name.removeprefix(_OUTPUT): file[name] for name in file if name.startswith(_OUTPUT)}
            waveform = file["waveform"]
    except _UNREADABLE as error:
        raise CheckpointError(
            f"{path} must be reference activations, an .npz file with waveform and output:<module> arrays: {error}."
        ) from error
    strange = [name for name, value in reference.items() if not _is_float(value)]
    if strange:
        raise CheckpointError(f"{path} must hold numbers with a fraction as output:{strange[0]}, and does not.")
    if not reference or not _is_float(waveform) or waveform.ndim != 1 or waveform.dtype != np.float32:
        raise CheckpointError(
            f"{path} must hold waveform, float32 [samples], and output:<module> arrays; it holds"
            f" {len(reference)} of these and a waveform of {getattr(waveform, 'dtype', 'bytes')}"
            f" {list(getattr(waveform, 'shape', ()))}."
        )
    return {"waveform": waveform, **reference}


def _is_float(value: Any) -> bool:
    # A member of the archive that is no array comes as bytes.
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _difference(
    name: str, ours: dict[str, np.ndarray[Any, Any]], expected: np.ndarray[Any, Any], path: str | Path
) -> ModuleDifference:
    if name not in ours:
        raise CheckpointError(f"{path} must name modules of this model, and {name} is none of them.")
    if ours[name].shape != expected.shape:
        raise CheckpointError(
            f"The output of {name} in {path} must have the shape {list(ours[name].shape)} that the model gives, not"
            f" {list(expected.shape)}."
        )
    error = ours[name] - expected
    norm = float(np.linalg.norm(expected))
    return ModuleDifference(
        name,
        float(np.abs(error).max(initial=0.0)),
        float(np.linalg.norm(error)) / norm if norm > 0 else float(np.abs(error).max(initial=0.0)),
    )
