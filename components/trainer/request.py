"""What the process of a training is asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from model.training.settings import TrainingSettings

# Where this is set, a training begins anew, though a state of it is saved.
ANEW_VARIABLE = "W2V2_TRAIN_ANEW"
# Beside the states; the other workers of a training read it.
REQUEST_FILE = "request.json"


@dataclasses.dataclass(frozen=True)
class TrainingRequest:
    """Everything that a training needs; plain values, as JSON has them.

    Attributes:
      settings: How to train.
      train_files: Patterns of TFRecord files.
      eval_files: Patterns of TFRecord files.
      transform_output: What Transform wrote.
      base_model: The model directory to start from.
      output_dir: Where `model_directory/` is written.
      serving_dir: Where the SavedModel is written, directly below `output_dir`.
      model_run_dir: Where the events for TensorBoard are left at the end.
      vocabulary: Id by token, as Transform had it; empty where there are no transcripts.
      staging_dir: Below it, each training has a directory for its states.
      code_fingerprint: Of the code; with other code a training begins anew.
    """

    settings: TrainingSettings
    train_files: tuple[str, ...]
    eval_files: tuple[str, ...]
    transform_output: str
    base_model: str
    output_dir: str
    serving_dir: str
    model_run_dir: str
    vocabulary: Mapping[str, int]
    staging_dir: str
    code_fingerprint: str
