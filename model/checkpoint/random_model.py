"""A model directory with random weights, the same for the same seed on every machine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from model.checkpoint import table
from model.checkpoint.convert import REPORT_FILE
from model.checkpoint.initial_values import initial_value
from model.checkpoint.source import DEFAULT_PREPROCESSOR
from model.checkpoint.target import with_vocabulary
from model.config import Head, Wav2Vec2Config
from model.errors import CheckpointError, ConfigurationError
from model.text import Vocabulary

_RANDOM = "random"


def make_random_model(
    config: Wav2Vec2Config, head: Head, vocabulary: Vocabulary | None, output_dir: str | Path, seed: int
) -> dict[str, Any]:
    """Writes a model directory with random weights.

    Args:
      config: The architecture; with a CTC head, the size of the vocabulary takes the place of its own.
      head: What stands on the backbone.
      vocabulary: The tokens of the CTC head; None without one.
      output_dir: Where; it appears whole or not at all.
      seed: Of the weights.

    Returns:
      A report in the form of a conversion's, also written beside the weights: its source is called `random`, and its
      sha256 is that of architecture and seed.

    Raises:
      UsageError: the output holds something that is no model directory.
      CheckpointError: the architecture cannot have that head.
    """
    from model.directory import MANIFEST_FILE, save_model
    from model.storage import require_replaceable
    from model.wav2vec2 import MODEL_BY_HEAD

    require_replaceable(output_dir, MANIFEST_FILE)
    if vocabulary is not None:
        config = with_vocabulary(config, vocabulary)
    try:
        model = MODEL_BY_HEAD[head](config)
    except ConfigurationError as error:
        raise CheckpointError(str(error)) from error
    variables = model.named_weights()
    rows = table.rows(config, head)
    for row in rows:
        variables[row.variable].assign(initial_value(row, config, seed))
    published = config.to_published(head)
    source = {
        "name": _RANDOM,
        "revision": None,
        "layout": _RANDOM,
        "sha256": hashlib.sha256(json.dumps([published, seed], sort_keys=True).encode()).hexdigest(),
        "files": {},
        "seed": seed,
    }
    report = {
        "format_version": 2,
        "source": source,
        "head": head,
        "source_head": None,
        "tensors": [
            {
                "source": None,
                "variable": row.variable,
                "axes": row.axes,
                "shape": list(row.source_shape),
                "dtype": _RANDOM,
            }
            for row in rows
        ],
        "left_out": [],
    }
    save_model(
        model,
        vocabulary,
        {**DEFAULT_PREPROCESSOR, "return_attention_mask": config.feat_extract_norm == "layer"},
        output_dir,
        source_checkpoint=source,
        extra_files={REPORT_FILE: report},
    )
    return report
