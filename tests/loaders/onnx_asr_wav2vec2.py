"""The model type `wav2vec2-ctc`, for an onnx-asr that does not know it.

onnx-asr has had the type in its source since July 2026 (https://github.com/istupakov/onnx-asr/pull/135), and its newest
release, 0.12.0, is older. What this adds asks the model for what that type asks it for: names, dtypes, frames. The
reading of the folder, the batches, the vocabulary and the decoding are those of the release.
"""

import numpy as np
import onnx_asr.loader
import onnxruntime
from onnx_asr.asr import _AsrWithCtcDecoding
from onnx_asr.resolver import Resolver

NAME = "wav2vec2-ctc"


class Wav2Vec2Ctc(_AsrWithCtcDecoding):
    """A model that takes raw sound with its lengths and gives log-probabilities."""

    def __init__(self, model_files, preprocessor_factory, onnx_options):
        super().__init__(model_files, preprocessor_factory, onnx_options)
        self._session = onnxruntime.InferenceSession(model_files["model"], **onnx_options)

    @staticmethod
    def _get_model_files(quantization=None):
        variant = f"?{quantization}" if quantization else ""
        return {"model": f"model{variant}.onnx", "vocab": "vocab.txt"}

    @property
    def _preprocessor_name(self):
        return "identity"

    @property
    def _subsampling_factor(self):
        return int(self.config.get("subsampling_factor", 320))

    def _encode(self, waveforms, waveforms_len):
        (logprobs,) = self._session.run(
            ["logprobs"], {"input_values": waveforms, "input_lengths": waveforms_len.astype(np.int64)}
        )
        assert logprobs.dtype == np.float32
        frames = np.minimum(waveforms_len // self._subsampling_factor + 1, logprobs.shape[1])
        return logprobs, frames.astype(np.int64)


def register():
    """Adds the type to `onnx_asr.load_model`, unless it is there."""
    known = onnx_asr.loader.create_asr_resolver

    def create_asr_resolver(model=None, local_dir=None, *, offline=None):
        if model == NAME:
            return Resolver({NAME: Wav2Vec2Ctc}, model, local_dir, offline=offline)
        return known(model, local_dir, offline=offline)

    if NAME not in str(onnx_asr.loader.AsrTypeNames):
        onnx_asr.loader.create_asr_resolver = create_asr_resolver
