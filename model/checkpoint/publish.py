"""From a model back to the published PyTorch layout, so that other tools can load it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from model.checkpoint import table
from model.storage import replacing_directory
from model.text import Vocabulary


def write_published(
    model: Any, vocabulary: Vocabulary | None, preprocessor: dict[str, Any], output_dir: str | Path, readme: str = ""
) -> None:
    """Writes `model.safetensors`, `config.json`, `vocab.json` and `preprocessor_config.json`.

    What was converted from float32 comes back bit by bit.

    Args:
      model: A `Wav2Vec2CTC`, `Wav2Vec2PreTraining` or `Wav2Vec2Headless`.
      vocabulary: The tokens of its CTC head; None without one, and then no `vocab.json` is written.
      preprocessor: The content of `preprocessor_config.json`.
      output_dir: Where they are written; the directory appears whole or not at all.
      readme: The content of `README.md`; none is written where it is empty.
    """
    import safetensors.numpy

    variables = model.named_weights()
    tensors = {
        row.sources[0]: table.to_published(row.axes, np.asarray(variables[row.variable].numpy(), np.float32))
        for row in table.rows(model.config, model.head)
        # transformers knows no masking vector where nothing is masked.
        if model.config.has_mask_vector or not row.variable.endswith("masked_spec_embed")
    }
    with replacing_directory(output_dir) as directory:
        (directory / "model.safetensors").write_bytes(safetensors.numpy.save(tensors, metadata={"format": "pt"}))
        contents = {"config.json": model.config.to_published(model.head), "preprocessor_config.json": preprocessor}
        if vocabulary is not None:
            contents["vocab.json"] = vocabulary.to_mapping()
        for name, value in contents.items():
            (directory / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        if readme:
            (directory / "README.md").write_text(readme, encoding="utf-8")
