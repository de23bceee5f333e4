"""The files beside an ONNX model that onnx-asr looks for: vocab.txt and config.json.

Source: https://github.com/istupakov/onnx-asr, its model type `wav2vec2-ctc` and its reader of `vocab.txt`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from model.text import Vocabulary, text_of_token

ONNX_ASR_FOLDER = "onnx_asr"
# Not called model.onnx: optimum takes any file of that name.
ONNX_ASR_FILE = f"{ONNX_ASR_FOLDER}/model.fp32.onnx"
MODEL_TYPE = "wav2vec2-ctc"
BLANK = "<blk>"
# What onnx-asr writes as a space.
_SPACE = "\u2581"


def onnx_asr_files(loaded: Any) -> dict[str, str]:
    """Returns the content of the files beside the model, by name.

    Args:
      loaded: A `LoadedModel` with a CTC head.
    """
    config = loaded.config
    samples_per_frame = config.samples_per_frame
    if config.add_adapter:
        samples_per_frame *= config.adapter_stride**config.num_adapter_layers
    described = {"model_type": MODEL_TYPE, "subsampling_factor": samples_per_frame}
    return {"config.json": json.dumps(described, indent=2) + "\n", "vocab.txt": vocabulary_lines(loaded.vocabulary)}


def vocabulary_lines(vocabulary: Vocabulary) -> str:
    """Returns the content of `vocab.txt`: token and id on each line, parted by one space.

    onnx-asr writes down every token but the blank: so one that adds nothing to a text is written as an empty one, and
    white space as `▁`.
    """
    lines = []
    for index, token in enumerate(vocabulary.tokens):
        text = re.sub(r"\s", _SPACE, text_of_token(token))
        lines.append(f"{BLANK if index == vocabulary.blank_id else text} {index}\n")
    return "".join(lines)
